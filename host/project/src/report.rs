//! What tests came to, for other programs: TAP and JUnit.

use std::path::Path;

use xmap_sim::escaped;

use crate::Played;

/// The scripts of one panel, as they were played.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'p> {
    /// The panel.
    pub panel: &'p Path,
    /// Its scripts.
    pub played: &'p [Played],
}

/// The text of the Test Anything Protocol, version 14.
pub fn tap(all: &[Counted<'_>]) -> String {
    let count: usize = all.iter().map(|counted| counted.played.len()).sum();
    let mut text = format!("TAP version 14\n1..{count}\n");
    let played = all.iter().flat_map(|counted| counted.played);
    for (n, played) in played.enumerate() {
        let not = if played.failures.is_empty() { "" } else { "not " };
        text += &format!("{not}ok {} - {}\n", n + 1, played.script.display());
        for failure in &played.failures {
            for line in failure.to_string().lines() {
                text += &format!("# {line}\n");
            }
        }
    }
    text
}

/// The XML that JUnit's tools read: a suite for each panel, a case for each script.
pub fn junit(all: &[Counted<'_>]) -> String {
    let sums = |counted: &Counted<'_>| {
        let failed = counted.played.iter().filter(|played| !played.failures.is_empty()).count();
        (counted.played.len(), failed)
    };
    let (tests, failures) = all.iter().map(sums).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text += &format!("<testsuites tests=\"{tests}\" failures=\"{failures}\">\n");
    for counted in all {
        let (tests, failures) = sums(counted);
        let name = escaped(&counted.panel.display().to_string());
        text += &format!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n");
        for played in counted.played {
            let script = escaped(&played.script.display().to_string());
            // The time is the virtual one: it does not change from run to run.
            let seconds = played.virtual_us as f64 / 1e6;
            text += &format!("    <testcase name=\"{script}\" classname=\"{name}\" time=\"{seconds:.6}\"");
            if played.failures.is_empty() {
                text += "/>\n";
                continue;
            }
            text += ">\n";
            for failure in &played.failures {
                let (message, whole) = (escaped(&failure.message), escaped(&failure.to_string()));
                let code = failure.code;
                text += &format!("      <failure type=\"{code}\" message=\"{message}\">{whole}</failure>\n");
            }
            text += "    </testcase>\n";
        }
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_compiler::diagnostic::{Code, Diagnostic, Place};

    #[test]
    fn both_forms_say_what_failed() {
        let failure = Diagnostic::new(Code::ScriptExpectation, Place::File("a.txt".into()), "a < \"b\"\u{1}");
        let played = [
            Played { script: "a.txt".into(), failures: vec![failure], ..Played::default() },
            Played { script: "b.txt".into(), virtual_us: 1_500_000, ..Played::default() },
        ];
        let all = [Counted { panel: Path::new("panel.toml"), played: &played }];
        let expected = "TAP version 14\n1..2\nnot ok 1 - a.txt\n# error[X0807]: a < \"b\"\\u{1}\n# --> a.txt\nok 2 - b.txt\n";
        assert_eq!(tap(&all), expected);
        let xml = junit(&all);
        assert!(xml.contains("<testsuites tests=\"2\" failures=\"1\">"), "{xml}");
        assert!(xml.contains("message=\"a &lt; &quot;b&quot;\\u{1}\""), "{xml}");
        assert!(xml.contains("name=\"b.txt\" classname=\"panel.toml\" time=\"1.500000\"/>"), "{xml}");
    }
}
