//! The property mailbox (base `0xfe00_b880`), by which the cores ask the VideoCore's firmware.
//!
//! *BCM2711 ARM Peripherals* leaves it out; the facts are from Linux' `drivers/mailbox/bcm2835-mailbox.c` and
//! `drivers/firmware/raspberrypi.c`. One question is asked here: that the next start is a trial
//! (`RPI_FIRMWARE_SET_REBOOT_FLAGS` with the flag `tryboot`), which a start clears.

use core::fmt;

use safe_mmio::fields::{ReadOnly, ReadPure, ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field};

/// The mailbox's registers.
#[derive(Debug)]
#[repr(C)]
pub struct MailboxRegisters {
    /// Mailbox 0, from the VideoCore: a read takes the oldest message out.
    read: ReadOnly<u32>,
    reserved_04: [u32; 5],
    /// What mailbox 0 has: bit 30 is nothing.
    status_0: ReadPure<u32>,
    reserved_1c: u32,
    /// Mailbox 1, to the VideoCore.
    write: WriteOnly<u32>,
    reserved_24: [u32; 5],
    /// What mailbox 1 has: bit 31 is no room.
    status_1: ReadPure<u32>,
}

/// Words of a question.
const WORDS: usize = 8;

/// The memory of a question and its answer, which no cache has.
pub type MailboxWords = [ReadPureWrite<u32>; WORDS];

const FULL: u32 = 1 << 31;
const EMPTY: u32 = 1 << 30;
/// The channel of properties, in the lower four bits of a message.
const PROPERTIES: u32 = 8;
/// Where the VideoCore sees the first GiB of memory, past its cache (Linux' `bcm2711.dtsi`: `dma-ranges`).
const BUS: u32 = 0xc000_0000;
/// The flag: the next start is a trial.
const TRYBOOT: u32 = 1;
/// An answer, in a question's second word and in that of a tag.
const ANSWERED: u32 = 1 << 31;
/// Looks at a status register until it is given up: some tens of milliseconds at least.
const LOOKS: u32 = 1_000_000;

/// The tag of a question.
#[derive(Clone, Copy)]
enum Tag {
    /// `RPI_FIRMWARE_SET_REBOOT_FLAGS`.
    SetRebootFlags = 0x0003_8064,
    /// `RPI_FIRMWARE_NOTIFY_REBOOT`.
    NotifyReboot = 0x0003_0048,
}

/// Why the VideoCore's firmware did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxError {
    /// It does not answer.
    Silent,
    /// It does not know the question.
    Unknown,
}

impl fmt::Display for MailboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "the VideoCore's firmware does not answer",
            Self::Unknown => "the VideoCore's firmware does not know the question",
        })
    }
}

impl core::error::Error for MailboxError {}

/// The mailbox.
#[derive(Debug)]
pub struct Mailbox<'a> {
    registers: UniqueMmioPointer<'a, MailboxRegisters>,
    words: UniqueMmioPointer<'a, MailboxWords>,
    /// Where the VideoCore sees the words.
    address: u32,
}

impl<'a> Mailbox<'a> {
    /// The driver for this block, with memory for its questions that begins at this address, a multiple of 16
    /// below 1 GiB.
    pub const fn new(
        registers: UniqueMmioPointer<'a, MailboxRegisters>,
        words: UniqueMmioPointer<'a, MailboxWords>,
        address: u32,
    ) -> Self {
        Self { registers, words, address: address | BUS }
    }

    /// Has the next start be a trial. A reset is to follow.
    ///
    /// # Errors
    /// The next start is one as any other.
    pub fn try_next(&mut self) -> Result<(), MailboxError> {
        self.ask(Tag::SetRebootFlags, Some(TRYBOOT))?;
        // As Linux does in front of each reset; the flag is set, whatever comes of it.
        self.ask(Tag::NotifyReboot, None).or(Ok(()))
    }

    /// Asks a question with a word or none.
    fn ask(&mut self, tag: Tag, value: Option<u32>) -> Result<(), MailboxError> {
        let bytes = if value.is_some() { 4 } else { 0 };
        // Its bytes, that it is one, the tag, the bytes of its value, that they are a question's, the value,
        // the end.
        let question = [4 * WORDS as u32, 0, tag as u32, bytes, bytes, value.unwrap_or(0), 0, 0];
        self.words.iter().zip(question).for_each(|(mut to, word)| to.write(word));
        self.until(|mailbox| field!(mailbox.registers, status_1).read() & FULL == 0)?;
        field!(self.registers, write).write(self.address | PROPERTIES);
        for _ in 0..LOOKS {
            self.until(|mailbox| field!(mailbox.registers, status_0).read() & EMPTY == 0)?;
            // An answer to an earlier question may be first.
            if field!(self.registers, read).read() == self.address | PROPERTIES {
                let mut answer = [0; WORDS];
                answer.iter_mut().zip(self.words.iter()).for_each(|(to, word)| *to = word.read());
                let known = answer[1] == ANSWERED && answer[4] & ANSWERED != 0;
                return if known { Ok(()) } else { Err(MailboxError::Unknown) };
            }
        }
        Err(MailboxError::Silent)
    }

    fn until(&mut self, mut is: impl FnMut(&mut Self) -> bool) -> Result<(), MailboxError> {
        match (0..LOOKS).any(|_| is(self)) {
            true => Ok(()),
            false => Err(MailboxError::Silent),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::NonNull;

    use super::*;

    /// Where the words of these tests seem to be.
    const PLACE: u32 = 0x0008_0c00;
    const MESSAGE: u32 = PLACE | BUS | PROPERTIES;

    /// Asks for a trial where nobody answers: the registers show what they show from the beginning. Returns
    /// the outcome, what was sent, and the question.
    fn ask(full: bool, message: Option<u32>) -> (Result<(), MailboxError>, u32, [u32; WORDS]) {
        let (mut registers, mut words) = ([0u32; 15], [0u32; WORDS]);
        registers[0] = message.unwrap_or(0);
        registers[0x18 / 4] = if message.is_none() { EMPTY } else { 0 };
        registers[0x38 / 4] = if full { FULL } else { 0 };
        // SAFETY: the words are borrowed for longer than the driver lives, are as large and as aligned as the
        // block, and any bit pattern is a valid register.
        let block = unsafe { UniqueMmioPointer::new(NonNull::from(&mut registers).cast()) };
        // SAFETY: as above.
        let memory = unsafe { UniqueMmioPointer::new(NonNull::from(&mut words).cast()) };
        let outcome = Mailbox::new(block, memory, PLACE).try_next();
        (outcome, registers[0x20 / 4], words)
    }

    #[test]
    fn a_question_has_the_words_that_the_videocore_reads() {
        let question = [32, 0, 0x0003_8064, 4, 4, 1, 0, 0];
        assert_eq!(ask(false, None), (Err(MailboxError::Silent), 0xc008_0c08, question));
        // It sends the question back, and has not written into it.
        assert_eq!(ask(false, Some(MESSAGE)), (Err(MailboxError::Unknown), 0xc008_0c08, question));
    }

    #[test]
    fn a_mailbox_without_room_or_with_other_answers_is_given_up() {
        let (outcome, sent, _) = ask(true, None);
        assert_eq!((outcome, sent), (Err(MailboxError::Silent), 0), "nothing was sent");
        assert_eq!(ask(false, Some(MESSAGE + 0x100)).0, Err(MailboxError::Silent));
    }
}
