//! Findings as text, JSON and SARIF 2.1.0.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use xmap_compiler::diagnostic::{Diagnostics, Place};

use super::{Finding, Rule};

/// Findings as people read them, with what stands at both places.
pub fn text(findings: &[Finding], colours: bool) -> String {
    let mut text = String::new();
    if !findings.is_empty() {
        let all = Diagnostics(findings.iter().map(Finding::diagnostic).collect());
        _ = writeln!(text, "{}", all.render(colours));
    }
    let plural = if findings.len() == 1 { "" } else { "s" };
    _ = writeln!(text, "{} finding{plural}", findings.len());
    text
}

fn place(place: &Place) -> Json {
    match place {
        Place::Text { source, span } => {
            let (line, column) = source.line_column(span.start);
            let (end_line, end_column) = source.line_column(span.end);
            json!({ "file": source.path, "line": line, "column": column, "end_line": end_line, "end_column": end_column })
        }
        other => json!({ "file": other.to_string() }),
    }
}

/// Findings as one JSON array.
pub fn json(findings: &[Finding]) -> Json {
    let one = |finding: &Finding| {
        json!({
            "rule": finding.rule.name(), "verdict": finding.verdict.map(|verdict| verdict.to_string()),
            "export": finding.key, "message": finding.message, "help": finding.help,
            "place": place(&finding.place), "contract": place(&finding.other),
        })
    };
    findings.iter().map(one).collect()
}

/// Findings as SARIF, for what shows them beside the code.
pub fn sarif(findings: &[Finding]) -> Json {
    let location = |at: &Place| {
        let at = place(at);
        let mut location = json!({ "physicalLocation": { "artifactLocation": { "uri": at["file"] } } });
        if at.get("line").is_some() {
            location["physicalLocation"]["region"] = json!({
                "startLine": at["line"], "startColumn": at["column"],
                "endLine": at["end_line"], "endColumn": at["end_column"],
            });
        }
        location
    };
    let one = |finding: &Finding| {
        let mut related = location(&finding.other);
        related["message"] = json!({ "text": "the export is here" });
        json!({
            "ruleId": finding.rule.name(), "level": "error",
            "message": { "text": format!("{}; {}", finding.message, finding.help) },
            "locations": [location(&finding.place)], "relatedLocations": [related],
        })
    };
    let rules: Vec<Json> = Rule::ALL
        .iter()
        .map(|rule| json!({ "id": rule.name(), "shortDescription": { "text": rule.meaning() } }))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "xmap lint", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(one).collect::<Vec<_>>(),
        }],
    })
}
