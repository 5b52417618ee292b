//! What `xmap new --ci` writes for services that build panels: each file is read as YAML, and its commands
//! are run as the service runs them.

mod languages;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use xmap_project::{Ci, Language};
use yaml_rust2::{Yaml, YamlLoader};

use languages::{good, missing};

/// The shell's words of a step, with its name for messages.
struct Step {
    name: String,
    run: String,
    /// The variables of the file that are constants; a service has the others.
    set: Vec<(String, String)>,
}

fn document(folder: &Path, ci: Ci) -> Yaml {
    let path = match ci {
        Ci::Github => ".github/workflows/panel.yml",
        Ci::Gitlab => ".gitlab-ci.yml",
    };
    let text = fs::read_to_string(folder.join(path)).unwrap();
    assert!(!text.contains("@SETUP@") && !text.contains("@NAME@"), "{text}");
    let mut all = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn constants(of: &Yaml) -> Vec<(String, String)> {
    let one = |(name, value): (&Yaml, &Yaml)| {
        let value = value.as_str().map(str::to_string).or(value.as_i64().map(|n| n.to_string()))?;
        (!value.contains("${{")).then(|| (name.as_str().unwrap().to_string(), value))
    };
    of.as_hash().map_or(Vec::new(), |all| all.iter().filter_map(one).collect())
}

/// The steps of a file that are commands, in their order.
fn steps(document: &Yaml, ci: Ci) -> Vec<Step> {
    let job = match ci {
        Ci::Github => &document["jobs"]["panel"],
        Ci::Gitlab => &document["panel"],
    };
    let step = |name: &str, run: &str, set| Step { name: name.into(), run: run.into(), set };
    match ci {
        Ci::Github => {
            let all = job["steps"].as_vec().expect("a job has steps").iter();
            let commands = all.filter_map(|of| {
                let set = [constants(&job["env"]), constants(&of["env"])].concat();
                Some(step(of["name"].as_str()?, of["run"].as_str()?, set))
            });
            commands.collect()
        }
        Ci::Gitlab => {
            let lists = ["before_script", "script"].map(|name| job[name].as_vec().expect(name));
            let all = lists.into_iter().flatten().map(|line| line.as_str().expect("a command"));
            all.map(|run| step(run.lines().next().unwrap(), run, constants(&job["variables"]))).collect()
        }
    }
}

/// Runs a step as the services do: the shell ends at the first command that fails.
fn run(folder: &Path, step: &Step, service: &[(&str, &str)]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_xmap")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-e", "-o", "pipefail", "-c", &step.run]).current_dir(folder).stdin(Stdio::null());
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    command.envs(service.iter().copied()).envs(step.set.iter().map(|(name, value)| (name, value)));
    command.env("PATH", path).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn all(folder: &Path, ci: Ci, service: &[(&str, &str)]) -> Vec<(String, Output)> {
    let mut done = Vec::new();
    for step in steps(&document(folder, ci), ci) {
        let output = run(folder, &step, service);
        let failed = !output.status.success();
        done.push((step.name, output));
        if failed {
            break;
        }
    }
    done
}

#[test]
fn the_commands_build_test_compare_and_sign() {
    let language = [Language::C, Language::Wat].into_iter().find(|language| missing(*language).is_none());
    let language = language.expect("the text of a module needs no compiler");
    let (word, source, line) = match language {
        Language::C => (
            "c",
            "panel.c",
            ("pressed++;", "pressed++; for (int i = 0; i < 40; i++) xmap_gpio_set(17, i & 1);"),
        ),
        _ => (
            "wat",
            "panel.wat",
            (
                "(func $blink (export \"blink\") (param $on i32)",
                "(func $blink (export \"blink\") (param $on i32) (call $toggle (i32.const 17)) (call $toggle (i32.const 17)) (call $toggle (i32.const 17)) (call $toggle (i32.const 17))",
            ),
        ),
    };
    for ci in Ci::ALL {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let service = ci.word();
        good(folder, &format!("xmap new hall --lang {word} --ci {service}"));
        good(folder, "xmap keygen -o secret.key");
        let key = fs::read_to_string(folder.join("secret.key")).unwrap();
        let hall = folder.join("hall");
        let plain = [("XMAP_SIGNING_KEY", ""), ("CI_COMMIT_BRANCH", "main"), ("CI_DEFAULT_BRANCH", "main")];
        let first = all(&hall, ci, &plain);
        for (name, output) in &first {
            assert!(output.status.success(), "{service}, {name}: {}", text(output));
        }
        let said: String = first.iter().map(|(_, output)| text(output)).collect();
        assert!(said.contains("2 passed, 0 failed") && said.contains("not signed"), "{service}: {said}");
        for made in ["report.xml", "coverage.info", "panel.xmap", "figures.json"] {
            assert!(hall.join(made).is_file(), "{service}: no {made}");
        }
        // The last run has left its figures, and now there is a key.
        let signed = [
            ("XMAP_SIGNING_KEY", key.trim_end()),
            ("XMAP_ORIGIN", "https://panels.example"),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_DEFAULT_BRANCH", "main"),
        ];
        let second = all(&hall, ci, &signed);
        let said: String = second.iter().map(|(_, output)| text(output)).collect();
        assert!(second.iter().all(|(_, output)| output.status.success()), "{service}: {said}");
        assert!(said.contains("as in figures.json"), "{service}: {said}");
        let verified = good(&hall, "xmap verify panel.xmap");
        assert!(verified.contains("https://panels.example"), "{verified}");
        // A bound that grows ends the run there, and no image is signed.
        let path = hall.join(source);
        let before = fs::read_to_string(&path).unwrap();
        assert!(before.contains(line.0), "{before}");
        fs::write(&path, before.replace(line.0, line.1)).unwrap();
        let third = all(&hall, ci, &signed);
        let (name, output) = third.last().unwrap();
        assert_eq!(output.status.code(), Some(1), "{service}, {name}: {}", text(output));
        assert!(text(output).contains("error[X0623]"), "{service}, {name}: {}", text(output));
        assert!(!good(&hall, "xmap verify panel.xmap").contains("https://panels.example"));
    }
}

#[test]
fn each_language_gets_its_compiler_by_a_command_that_a_shell_reads() {
    for language in Language::ALL {
        for ci in Ci::ALL {
            let folder = tempfile::tempdir().unwrap();
            let (word, service) = (language.word(), ci.word());
            good(folder.path(), &format!("xmap new hall --lang {word} --ci {service}"));
            for step in steps(&document(&folder.path().join("hall"), ci), ci) {
                let output = Command::new("bash").args(["-n", "-c", &step.run]).output().unwrap();
                assert!(output.status.success(), "{word}, {service}: {}: {}", step.name, text(&output));
            }
        }
    }
}
