//! What the command line asks for.

/// Options of the device program: words of the kernel's command line (`cmdline.txt` on the boot
/// partition, `-append` in the emulator). Words that are not listed here are for others, and ignored:
/// the Raspberry Pi's firmware adds its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `xmap.rehearse=1`: inputs and clock are the host's (`docs/link.md`, *Rehearsal*).
    pub rehearse: bool,
    /// `xmap.safe=1`: the image is left alone; the device waits for help.
    pub safe: bool,
    /// `xmap.watchdog=0`: a device that hangs makes its outputs safe, and is not reset. The emulator takes
    /// the start of the watchdog for its end.
    pub no_watchdog: bool,
    /// `xmap.store=0`: the store on the card is neither read nor written; the card's own panel runs.
    pub no_store: bool,
    /// `xmap.card=emmc`: the card is behind the older controller, where the emulator has it. On a board the
    /// radio is there.
    pub card_behind_emmc: bool,
    /// `xmap.record=BYTES`: the flight recorder has so many bytes, or what there is where that is less
    /// (`docs/trace.md`).
    pub record_bytes: Option<usize>,
}

impl Options {
    /// The options in a command line.
    pub fn of(arguments: &str) -> Self {
        let given = |word| arguments.split_ascii_whitespace().any(|given| given == word);
        let number = |key| {
            let mut words = arguments.split_ascii_whitespace();
            words.find_map(|word| word.strip_prefix(key)?.parse().ok())
        };
        Self {
            rehearse: given("xmap.rehearse=1"),
            safe: given("xmap.safe=1"),
            no_watchdog: given("xmap.watchdog=0"),
            no_store: given("xmap.store=0"),
            card_behind_emmc: given("xmap.card=emmc"),
            record_bytes: number("xmap.record="),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_among_others() {
        assert_eq!(Options::of(""), Options::default());
        let line = "coherent_pool=1M xmap.rehearse=1\nconsole=ttyS0,115200";
        assert_eq!(Options::of(line), Options { rehearse: true, ..Options::default() });
        assert_eq!(
            Options::of(
                "xmap.safe=1 xmap.watchdog=0 xmap.rehearse=1 xmap.store=0 xmap.card=emmc xmap.record=0"
            ),
            Options {
                rehearse: true,
                safe: true,
                no_watchdog: true,
                no_store: true,
                card_behind_emmc: true,
                record_bytes: Some(0),
            }
        );
    }

    #[test]
    fn a_word_counts_whole_or_not_at_all() {
        for line in [
            "xmap.rehearse",
            "xmap.rehearse=0",
            "xmap.rehearse=10",
            "noxmap.rehearse=1",
            "XMAP.REHEARSE=1",
            "xmap.watchdog=1",
            "xmap.store=1",
            "xmap.record=",
            "xmap.record=1k",
        ] {
            assert_eq!(Options::of(line), Options::default(), "{line}");
        }
    }
}
