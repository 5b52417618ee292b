//! Random numbers that are the same on every machine and in every version: SplitMix64 (Steele, Lea
//! and Flood, OOPSLA 2014).

/// A generator.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        // Seeds that follow each other start far apart.
        let mut rng = Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        Self(rng.bits())
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// A number in a range, both ends included.
    pub(super) fn range(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of some.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Random bytes.
    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len.div_ceil(8)).flat_map(|_| self.bits().to_le_bytes()).take(len).collect()
    }

    /// An integer that tends to matter: ends of ranges, powers of two and their neighbours, small ones.
    pub(super) fn integer(&mut self) -> u64 {
        match self.below(8) {
            0 => self.below(4) as u64,
            1 => (self.below(4) as u64).wrapping_neg(),
            2 => self.pick(&[
                i32::MIN as u64,
                i32::MAX as u64,
                i64::MIN as u64,
                i64::MAX as u64,
                u32::MAX.into(),
                0x8000_0000,
            ]),
            3 => (1u64 << self.below(64)).wrapping_add(self.below(3) as u64).wrapping_sub(1),
            4 => self.below(100) as u64,
            5 => self.below(70_000) as u64,
            6 => self.bits() >> self.below(64),
            _ => self.bits(),
        }
    }

    /// The bits of an `f32` that tends to matter. NaNs are canonical.
    pub(super) fn f32(&mut self) -> f32 {
        const SPECIAL: [f32; 14] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN_POSITIVE,
            1e-45,
            2147483648.0,
            -2147483648.0,
            4294967296.0,
            9.223_372e18,
        ];
        match self.below(5) {
            0 => f32::from_bits(0x7fc0_0000),
            1 | 2 => self.pick(&SPECIAL),
            3 => self.integer() as i64 as f32,
            _ => match f32::from_bits(self.bits() as u32) {
                x if x.is_nan() => 3.25,
                x => x,
            },
        }
    }

    /// The bits of an `f64` that tends to matter. NaNs are canonical.
    pub(super) fn f64(&mut self) -> f64 {
        const SPECIAL: [f64; 10] = [
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            2147483647.5,
            -2147483648.9,
            4294967295.9,
            -0.9,
            9_223_372_036_854_775_808.0,
            1.8446744073709552e19,
            1e40,
        ];
        match self.below(4) {
            0 => f64::from_bits(0x7ff8_0000_0000_0000),
            1 => self.pick(&SPECIAL),
            2 => match self.f32() {
                x if x.is_nan() => 1.5,
                x => x.into(),
            },
            _ => match f64::from_bits(self.bits()) {
                x if x.is_nan() => -7.125,
                x => x,
            },
        }
    }
}
