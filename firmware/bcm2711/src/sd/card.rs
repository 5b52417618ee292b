//! What is said to a card: who it is, and its blocks (SD Physical Layer, sections 4.2, 4.3 and 4.7).

use super::host::Data;
use super::{CardError, HostRegister, SdHost};
use crate::{Counter, Registers};

/// Bytes of a block.
pub const BLOCK: usize = 512;

/// What a command is answered with (section 4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing.
    Nothing,
    /// R2: 136 bits.
    Long,
    /// R1, R6, R7: 48 bits with number and checksum.
    Short,
    /// R3: 48 bits without.
    Plain,
    /// R1b: R1, and the card may be busy.
    Busy,
}

impl Wanted {
    /// The lower bits of the command register (SD Host Controller, section 2.2.6).
    pub(super) const fn flags(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Long => 0b0_1001,
            Self::Short => 0b1_1010,
            Self::Plain => 0b0_0010,
            Self::Busy => 0b1_1011,
        }
    }
}

/// Microseconds that a card takes to get ready at most (section 4.2.3).
const READY_US: u64 = 1_000_000;
/// Microseconds for which a card may be busy behind a write: twice what SDXC may.
const BUSY_US: u64 = 1_000_000;

/// ACMD41: 2.7 to 3.6 V, and the host knows cards of more than 2 GB.
const CONDITIONS: u32 = 1 << 30 | 0x00ff_8000;
/// R3: the card is ready; it counts in blocks.
const READY: u32 = 1 << 31;
const IN_BLOCKS: u32 = 1 << 30;
/// CMD8: 2.7 to 3.6 V, and a pattern that comes back.
const CHECK: u32 = 0x1aa;
/// CMD6: group 1 to function 1 (high speed), the others as they are.
const TO_HIGH_SPEED: u32 = 0x80ff_fff1;

/// The card's status: its errors (section 4.10.1). Bit 3 of an authentication, and bits that say that a lock
/// or an erase is on, are none.
const STATUS_ERRORS: u32 = 0xfdf9_8000;
/// The card's status: it takes data, and is in the state `tran`.
const READY_FOR_DATA: u32 = 1 << 8;
const STATE: u32 = 0xf << 9;
const TRAN: u32 = 4 << 9;
/// The card's status: out of range; a write to what is protected.
const OUT_OF_RANGE: u32 = 1 << 31;
const WP_VIOLATION: u32 = 1 << 26;

/// A card that is ready for blocks.
#[derive(Debug)]
pub struct SdCard<R, C> {
    host: SdHost<R, C>,
    id: [u32; 4],
    rca: u32,
    blocks: u32,
    /// Whether it counts in blocks; one of up to 2 GB counts in bytes.
    in_blocks: bool,
    protected: bool,
    fast: bool,
    /// It did not answer any more.
    gone: bool,
}

impl<R: Registers<Register = HostRegister>, C: Counter> SdCard<R, C> {
    /// Gets the card ready.
    ///
    /// # Errors
    /// [`CardError::Absent`], [`CardError::Unknown`], and what else keeps it from becoming ready.
    pub fn start(host: SdHost<R, C>) -> Result<Self, CardError> {
        let mut card = Self {
            host,
            id: [0; 4],
            rca: 0,
            blocks: 0,
            in_blocks: false,
            protected: false,
            fast: false,
            gone: false,
        };
        card.again()?;
        Ok(card)
    }

    /// Gets the card ready anew, or the one that was put in its place.
    ///
    /// # Errors
    /// As [`SdCard::start`].
    pub fn again(&mut self) -> Result<(), CardError> {
        self.gone = true;
        self.host.start()?;
        self.identify()?;
        self.gone = false;
        Ok(())
    }

    fn identify(&mut self) -> Result<(), CardError> {
        self.send(0, 0, Wanted::Nothing)?;
        match self.send(8, CHECK, Wanted::Short) {
            Ok([answer, ..]) if answer & 0xfff == CHECK => {}
            Ok(_) => return Err(CardError::Unknown),
            Err(CardError::Timeout(_)) => {
                // Either no card, or one from before this command.
                return Err(match self.send(55, 0, Wanted::Short) {
                    Ok(_) => CardError::Unknown,
                    Err(_) => CardError::Absent,
                });
            }
            Err(error) => return Err(error),
        }
        let end_us = self.host.now_us().saturating_add(READY_US);
        let conditions = loop {
            let late = self.host.now_us() > end_us;
            self.send(55, 0, Wanted::Short)?;
            let [answer, ..] = self.send(41, CONDITIONS, Wanted::Plain)?;
            if answer & READY != 0 {
                break answer;
            }
            if late {
                return Err(CardError::Unknown);
            }
        };
        self.in_blocks = conditions & IN_BLOCKS != 0;
        self.id = self.send(2, 0, Wanted::Long)?;
        let [answer, ..] = self.send(3, 0, Wanted::Short)?;
        self.rca = answer & 0xffff_0000;
        let csd = self.send(9, self.rca, Wanted::Long)?;
        self.describe(csd);
        self.send(7, self.rca, Wanted::Busy)?;
        if !self.in_blocks {
            self.send(16, BLOCK as u32, Wanted::Short)?;
        }
        self.send(55, self.rca, Wanted::Short)?;
        self.send(6, 0b10, Wanted::Short)?;
        self.host.widen();
        self.host.set_clock(25_000_000)?;
        self.hasten()
    }

    /// Goes to high speed where the card has it.
    fn hasten(&mut self) -> Result<(), CardError> {
        let mut functions = [0; 64];
        let asked = self.host.command(6, TO_HIGH_SPEED, Wanted::Short, Data::Read(&mut functions));
        self.fast = match asked {
            // Bits 379:376 of the answer: the function that group 1 has now (section 4.3.10).
            Ok(_) => functions[16] & 0xf == 1,
            // One that does not know the command says so by silence.
            Err(CardError::Timeout(_)) => false,
            Err(error) => return Err(error),
        };
        if self.fast {
            self.host.hasten();
            self.host.set_clock(50_000_000)?;
        }
        Ok(())
    }

    /// Takes size and protection from the CSD (section 5.3), of which the response has bits 127:8.
    fn describe(&mut self, csd: [u32; 4]) {
        let bits = |at: u32, count: u32| {
            let all = csd.iter().rev().fold(0u128, |all, word| all << 32 | u128::from(*word)) << 8;
            (all >> at & ((1 << count) - 1)) as u32
        };
        self.blocks = match bits(126, 2) {
            0 => {
                let shift = bits(47, 3) + 2 + bits(80, 4);
                ((u64::from(bits(62, 12)) + 1) << shift >> 9) as u32
            }
            _ => (bits(48, 22) + 1).saturating_mul(1024),
        };
        self.protected = bits(12, 2) != 0;
    }

    /// Returns what tells the card from every other one (its CID register).
    pub const fn id(&self) -> [u32; 4] {
        self.id
    }

    /// Returns how many blocks the card has.
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Returns whether the card says that it is not to be written.
    pub const fn is_protected(&self) -> bool {
        self.protected
    }

    /// Returns whether the card runs at high speed (50 MHz).
    pub const fn is_fast(&self) -> bool {
        self.fast
    }

    /// Reads blocks from `first` on.
    ///
    /// # Errors
    /// What the card did not do. What the buffer has then is anything.
    pub fn read(&mut self, first: u32, into: &mut [[u8; BLOCK]]) -> Result<(), CardError> {
        let argument = self.place(first, into.len())?;
        let number = match into.len() {
            0 => return Ok(()),
            1 => 17,
            _ => 18,
        };
        let outcome = self.host.command(number, argument, Wanted::Short, Data::ReadBlocks(into));
        self.settle(outcome)
    }

    /// Writes blocks from `first` on, and waits until the card has them.
    ///
    /// # Errors
    /// What the card did not do. What these blocks have then is anything.
    pub fn write(&mut self, first: u32, blocks: &[[u8; BLOCK]]) -> Result<(), CardError> {
        if self.protected {
            return Err(CardError::Protected);
        }
        let argument = self.place(first, blocks.len())?;
        let number = match blocks.len() {
            0 => return Ok(()),
            1 => 24,
            _ => 25,
        };
        let outcome = self.host.command(number, argument, Wanted::Short, Data::WriteBlocks(blocks));
        self.settle(outcome)?;
        self.finish()
    }

    /// Waits until the card has done what it was given, and takes its word for it.
    ///
    /// # Errors
    /// The card's own errors; that it does not end.
    pub fn finish(&mut self) -> Result<(), CardError> {
        if self.gone {
            return Err(CardError::Removed);
        }
        let end_us = self.host.now_us().saturating_add(BUSY_US);
        loop {
            let late = self.host.now_us() > end_us;
            let [status, ..] = match self.send(13, self.rca, Wanted::Short) {
                // Nobody answers to the address that the card was given.
                Err(CardError::Timeout(_)) => {
                    self.gone = true;
                    return Err(CardError::Removed);
                }
                answer => answer?,
            };
            verdict(status)?;
            if status & READY_FOR_DATA != 0 && status & STATE == TRAN {
                return Ok(());
            }
            if late {
                return Err(CardError::Timeout(13));
            }
        }
    }

    /// Ends a transfer: where it failed, the card is brought back to where it takes the next one, and asked
    /// for its reason.
    fn settle(&mut self, outcome: Result<[u32; 4], CardError>) -> Result<(), CardError> {
        let error = match outcome {
            Ok([status, ..]) => match verdict(status) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // One that is in no transfer any more takes this for an error of its own, which is read with CMD13.
        _ = self.send(12, 0, Wanted::Busy);
        match self.finish() {
            Err(CardError::Removed) => Err(CardError::Removed),
            Err(status @ (CardError::Status(_) | CardError::Protected | CardError::Range))
                if is_wire(error) =>
            {
                Err(status)
            }
            _ => Err(error),
        }
    }

    fn place(&self, first: u32, count: usize) -> Result<u32, CardError> {
        if self.gone {
            return Err(CardError::Removed);
        }
        let count = u32::try_from(count).ok().filter(|count| *count <= 0xffff).ok_or(CardError::Range)?;
        first.checked_add(count).filter(|end| *end <= self.blocks).ok_or(CardError::Range)?;
        Ok(if self.in_blocks { first } else { first * BLOCK as u32 })
    }

    fn send(&mut self, number: u8, argument: u32, wanted: Wanted) -> Result<[u32; 4], CardError> {
        self.host.command(number, argument, wanted, Data::None)
    }

    /// Returns the controller, for tests.
    #[cfg(test)]
    pub(super) fn host(&mut self) -> &mut SdHost<R, C> {
        &mut self.host
    }
}

/// Returns whether an error is what the wires saw, and not the card's word.
const fn is_wire(error: CardError) -> bool {
    matches!(error, CardError::Timeout(_) | CardError::Crc(_) | CardError::Controller)
}

/// The card's status as a verdict.
const fn verdict(status: u32) -> Result<(), CardError> {
    // That CMD12 came when no transfer was under way is bit 22 (illegal command), which follows an error that
    // is reported already.
    let errors = status & STATUS_ERRORS & !(1 << 22);
    match errors {
        0 => Ok(()),
        _ if errors & WP_VIOLATION != 0 => Err(CardError::Protected),
        _ if errors & OUT_OF_RANGE != 0 => Err(CardError::Range),
        errors => Err(CardError::Status(errors)),
    }
}
