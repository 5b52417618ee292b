//! Tests of a panel in Rust, as an author writes them, and what they say where something is not so.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use tiny_mapper::TrapCode;
use xmap_boards::BOARDS;
use xmap_project::{Language, Rig, begin};

const MS: Duration = Duration::from_millis(1);

/// A new panel in WebAssembly's text, which needs no compiler, with an export that traps.
struct Hall(tempfile::TempDir);

impl Hall {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hall = folder.path().join("hall");
        begin(&hall, Language::Wat, BOARDS[0], None).unwrap();
        let source = fs::read_to_string(hall.join("panel.wat")).unwrap();
        let source = source.trim_end().strip_suffix(')').unwrap().to_owned()
            + "\n(func (export \"fail\") unreachable))\n";
        fs::write(hall.join("panel.wat"), source).unwrap();
        let manifest = fs::read_to_string(hall.join("panel.toml")).unwrap();
        fs::write(hall.join("panel.toml"), manifest.replace("[exports]", "[exports]\nfail = {}")).unwrap();
        Self(folder)
    }

    fn manifest(&self) -> PathBuf {
        self.0.path().join("hall/panel.toml")
    }

    fn rig(&self) -> Rig {
        Rig::from_manifest(self.manifest()).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// Returns what a test says that fails.
    fn failure(&self, test: impl FnOnce(&mut Rig)) -> String {
        let mut rig = self.rig();
        let error = catch_unwind(AssertUnwindSafe(|| test(&mut rig))).unwrap_err();
        error.downcast_ref::<String>().cloned().unwrap_or_default()
    }
}

#[test]
fn a_press_begins_the_blinking() {
    let hall = Hall::new();
    let mut rig = hall.rig();
    rig.assert_levels(&[("lamp", false), ("button", true), ("17", false)]);
    rig.press("button", 50 * MS);
    rig.wait_until("lamp", true, 500 * MS);
    assert_eq!(rig.time_us(), 500_000, "the time stops where the lamp is on");
    assert_eq!(rig.call("presses", &[]), [1u32.into()]);
    rig.drive("button", false);
    rig.wait(20 * MS);
    rig.play("expect lamp low\ncall presses -> 2\nadvance 1s");
    let trap = rig.call_traps("fail", &[]);
    assert_eq!(trap.code, TrapCode::Unreachable);
    let [place] = &rig.places(&trap)[..] else { panic!("{:?}", rig.places(&trap)) };
    assert!(place.starts_with("panel.wat:"), "{place}");
}

#[test]
fn a_failure_has_the_names_of_the_panel() {
    let hall = Hall::new();
    let late = hall.failure(|rig| rig.wait_until("lamp", true, 5 * MS));
    assert_eq!(late, "`lamp` is not high within 5ms: it is low at 5ms");
    let levels = hall.failure(|rig| rig.assert_levels(&[("lamp", true), ("button", false), ("27", true)]));
    assert_eq!(levels, "at 0: `lamp` is low and not high, `button` is high and not low");
    let trap = hall.failure(|rig| drop(rig.call("fail", &[])));
    assert!(
        trap.starts_with("fail trap unreachable: an `unreachable` instruction at panel.wat:")
            && trap.contains(", function $fail ("),
        "{trap}"
    );
    let none = hall.failure(|rig| _ = rig.call_traps("presses", &[]));
    assert!(none.starts_with("presses returned [") && none.ends_with("and should have trapped"), "{none}");
    assert_eq!(hall.failure(|rig| rig.press("lmap", MS)), "the panel has no line `lmap`");
    assert_eq!(hall.failure(|rig| drop(rig.call("blik", &[]))), "blik: the image has no export `blik`");
    let driven = hall.failure(|rig| rig.drive("lamp", true));
    assert_eq!(driven, "line 17 is an output now: driving it from outside would short it");
    let played = hall.failure(|rig| rig.play("call presses\nexpect presses -> 7"));
    assert!(played.contains("error[X0807]: expected `presses -> 7`: `presses -> 0`"), "{played}");
    assert!(played.contains("script:2:1"), "{played}");
    let wrong = hall.failure(|rig| rig.play("cal presses"));
    assert!(wrong.contains("error[X0801]"), "{wrong}");
}

#[test]
fn a_panel_that_is_none_says_why() {
    let hall = Hall::new();
    fs::write(
        hall.0.path().join("hall/panel.wat"),
        "(module (func (export \"on_mount\") (result i32) i32.const 3))",
    )
    .unwrap();
    let manifest = fs::read_to_string(hall.manifest()).unwrap();
    fs::write(hall.manifest(), manifest.split("[exports]").next().unwrap()).unwrap();
    let errors = Rig::from_manifest(hall.manifest()).unwrap_err().to_string();
    assert!(errors.contains("error[X0703]") && errors.contains("`on_mount` returned 3"), "{errors}");
    assert!(Rig::from_manifest(hall.0.path().join("no.toml")).unwrap_err().to_string().contains("X0101"));
}
