//! An image's bytes as a picture: each function and each part of the rest is an area, as large as its share.

use std::fmt::Write;

use xmap_compiler::report::Report;
use xmap_sim::escaped;

/// Pixels of the picture.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 540.0;
/// Areas smaller than this have no text in them; their title has it.
const LEAST_WIDTH: f64 = 60.0;
const LEAST_HEIGHT: f64 = 18.0;
/// Pixels of a character.
const CHARACTER: f64 = 7.3;

/// Draws the bytes of an image: its functions, and beside them header, tables, data and the rest. SVG.
pub fn treemap(report: &Report) -> String {
    let code: usize = report.functions.iter().map(|function| function.bytes).sum();
    let mut areas: Vec<(String, usize, bool)> =
        report.functions.iter().map(|function| (function.name.clone(), function.bytes, true)).collect();
    let parts = report.parts().into_iter().filter(|(name, ..)| *name != "code");
    areas.extend(parts.map(|(name, bytes, _)| (name.to_string(), bytes as usize, false)));
    // What no part names, so that the whole is the image.
    let sum: usize = areas.iter().map(|(_, bytes, _)| bytes).sum();
    areas.push(("code of no function".into(), report.total.saturating_sub(sum), false));
    areas.retain(|(_, bytes, _)| *bytes > 0);
    areas.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" font-family=\"monospace\" \
         font-size=\"12\">\n<title>{} bytes, {code} of them code</title>\n<style>rect{{stroke:#fff}}.f{{fill:#7bb}}.p{{fill:#ccb}}\
         text{{fill:#112}}</style>\n",
        report.total
    );
    split(&areas, [0.0, 0.0, WIDTH, HEIGHT], &mut text);
    text + "</svg>\n"
}

/// Halves the areas by their bytes, and the rectangle across its longer side, until one is left.
fn split(areas: &[(String, usize, bool)], [x, y, width, height]: [f64; 4], text: &mut String) {
    let [first, .., _] = areas else {
        if let [one] = areas {
            draw(one, [x, y, width, height], text);
        }
        return;
    };
    let sum: usize = areas.iter().map(|(_, bytes, _)| bytes).sum();
    let (mut at, mut before) = (1, first.1);
    while at + 1 < areas.len() && before + areas[at].1 / 2 < sum / 2 {
        before += areas[at].1;
        at += 1;
    }
    let share = before as f64 / sum as f64;
    let (left, right) = areas.split_at(at);
    if width >= height {
        split(left, [x, y, width * share, height], text);
        split(right, [x + width * share, y, width * (1.0 - share), height], text);
    } else {
        split(left, [x, y, width, height * share], text);
        split(right, [x, y + height * share, width, height * (1.0 - share)], text);
    }
}

fn draw(
    (name, bytes, is_function): &(String, usize, bool),
    [x, y, width, height]: [f64; 4],
    text: &mut String,
) {
    let class = if *is_function { 'f' } else { 'p' };
    let full = escaped(name);
    _ = writeln!(
        text,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{full}: {bytes} \
         bytes</title></rect>"
    );
    if width < LEAST_WIDTH || height < LEAST_HEIGHT {
        return;
    }
    let room = ((width - 8.0) / CHARACTER) as usize;
    let label: String = format!("{name} {bytes}").chars().take(room).collect();
    _ = writeln!(text, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 4.0, y + 14.0, escaped(&label));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, begin, build};
    use xmap_boards::BOARDS;

    #[test]
    fn areas_are_the_shares_of_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let hall = folder.path().join("hall");
        begin(&hall, Language::Wat, BOARDS[0], None).unwrap();
        let built = build(&hall.join("panel.toml"), None, &mut |_| {}).unwrap();
        let report = built.compiled.report;
        let picture = treemap(&report);
        let number = |line: &str, key: &str| -> f64 {
            let rest = line.split(&format!(" {key}=\"")).nth(1).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let (mut area, mut bytes) = (0.0, 0.0);
        for line in picture.lines().filter(|line| line.starts_with("<rect")) {
            let own = number(line, "width") * number(line, "height");
            let count: f64 = line.rsplit(": ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
            let expected = count / report.total as f64 * WIDTH * HEIGHT;
            assert!((own - expected).abs() < 0.02 * expected + 60.0, "{line}: {own} for {expected}");
            (area, bytes) = (area + own, bytes + count);
        }
        assert_eq!(bytes, report.total as f64, "every byte has a place");
        assert!((area / (WIDTH * HEIGHT) - 1.0).abs() < 0.01, "{area}");
        assert!(picture.contains(">function $blink"), "{picture}");
    }
}
