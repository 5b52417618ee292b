//! The slots as a board's firmwares, for hosts.

use xmap_device::Firmwares;
use xmap_link::{FirmwareBack, FirmwareContent, FirmwareSlot, FirmwareStanding, FirmwareStatus};
use xmap_store::Disk;
use xmap_trust::FirmwareReject;

use crate::choice::{Proof, Standing};
use crate::layout::Slot;
use crate::slots::{Next, Slots};
use crate::tail::{Back, Read};

const _: () = assert!(xmap_link::limits::FIRMWARE_SEAL == xmap_trust::FIRMWARE_SEAL_BYTES);

impl<D: Disk> Firmwares for Slots<D> {
    fn status(&self) -> FirmwareStatus {
        let (facts, choice) = (self.facts(), self.choice());
        let content = |slot| match facts.of(slot).firmware {
            Read::Blank => FirmwareContent::Unsealed,
            Read::Damaged => FirmwareContent::Damaged,
            Read::Is(seal) => {
                let mut hash = [0; 8];
                hash.copy_from_slice(&seal.hash[..8]);
                FirmwareContent::Sealed { version: seal.version, bytes: seal.bytes, hash }
            }
        };
        FirmwareStatus {
            board: self.board(),
            runs: self.runs().partition(),
            standing: match choice.standing {
                Standing::Good => FirmwareStanding::Good,
                Standing::Trial => FirmwareStanding::Trial,
                Standing::Beside => FirmwareStanding::Beside,
            },
            good: choice.good.partition(),
            room: self.room(),
            back: facts.went_back(choice).map(|back| match back {
                Back::Reset => FirmwareBack::Reset,
                Back::NotMounted => FirmwareBack::NotMounted,
                Back::Damaged => FirmwareBack::Damaged,
            }),
            slots: Slot::BOTH
                .map(|slot| FirmwareSlot { partition: slot.partition(), content: content(slot) }),
        }
    }

    fn begin(&mut self, seal: &[u8]) -> Result<(), FirmwareReject> {
        Self::begin(self, seal)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), FirmwareReject> {
        Self::take(self, bytes)
    }

    fn finish(&mut self) -> Result<(u8, u32), FirmwareReject> {
        let slot = Self::finish(self)?;
        let version = self.facts().of(slot).firmware.get().map_or(0, |seal| seal.version);
        Ok((slot.partition(), version))
    }

    fn begin_trial(&mut self, modules: u8) -> Result<(), FirmwareReject> {
        Self::begin_trial(self, modules)
    }

    fn judge(&mut self, modules: u8, asked: bool, ran_us: u64) -> bool {
        let mounted = self.modules_before() & !modules == 0;
        Self::judge(self, &Proof { mounted, asked, ran_us }) == Next::Reset
    }
}
