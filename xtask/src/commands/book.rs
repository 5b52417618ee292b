//! `cargo xtask book`

use anyhow::Result;
use xmap_tools::book;

/// Makes the documents a site and says where it is.
pub(crate) fn run() -> Result<()> {
    println!("{}", book::set_up()?);
    let site = book::build()?;
    println!("{} pages, {} links followed: {}/index.html", site.pages, site.links, site.folder.display());
    Ok(())
}
