//! The panel `examples/panels/wat` on the simulated board.

use std::time::Duration;

use xmap_project::Rig;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../panels/wat/panel.toml");

#[test]
fn a_press_changes_the_lamp_and_a_bounce_does_not() {
    let mut rig = Rig::from_manifest(MANIFEST).unwrap_or_else(|errors| panic!("{errors}"));
    rig.call("lamp_set", &[true.into()]);
    rig.assert_levels(&[("lamp", true)]);
    rig.press("button", Duration::from_millis(50));
    rig.assert_levels(&[("lamp", false)]);
    // Shorter than the `debounce` of the manifest.
    rig.press("button", Duration::from_millis(2));
    rig.assert_levels(&[("lamp", false)]);
}

#[test]
fn lines_of_a_script_do_the_same() {
    let mut rig = Rig::from_manifest(MANIFEST).unwrap_or_else(|errors| panic!("{errors}"));
    rig.play("call lamp_set true\nexpect lamp high\ncall lamp_set false\nexpect lamp low");
}
