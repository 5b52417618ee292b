//! Every verb has its page, and every shell what it completes.

use std::fs;
use std::process::Command;

fn manual(args: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_xmap-manual")).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code().unwrap())
}

fn verbs() -> Vec<String> {
    xmap::command().get_subcommands().map(|verb| verb.get_name().to_string()).collect()
}

#[test]
fn every_shell_completes_every_verb() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (text, status) = manual(&["completions", shell]);
        assert_eq!(status, 0, "{shell}: {text}");
        for verb in verbs() {
            assert!(text.contains(&verb), "{shell} does not complete {verb}");
        }
        assert!(text.contains("max-bytes"), "{shell} has no options");
    }
    assert_eq!(manual(&["completions", "tcsh"]).1, 2);
}

#[test]
fn every_verb_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    let (text, status) = manual(&["man", path.to_str().unwrap()]);
    assert_eq!(status, 0, "{text}");
    for verb in verbs() {
        let page = fs::read_to_string(path.join(format!("xmap-{verb}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains(".TH "), "{verb}: {page}");
    }
    assert!(fs::read_to_string(path.join("xmap-policy-sign.1")).unwrap().contains("root key"));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (text, status) = manual(&["man", file.to_str().unwrap()]);
    assert!(status == 1 && text.contains("cannot be written"), "{text}");
}
