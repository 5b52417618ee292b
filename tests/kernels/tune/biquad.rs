//! Four biquad filters one behind the other over 256 samples, f32.
#![cfg_attr(target_arch = "wasm32", no_std, no_main)]

include!("../kernel.rs");

#[derive(Clone, Copy, Default)]
struct Biquad {
    b: [f32; 3],
    a: [f32; 2],
    z: [f32; 2],
}

impl Biquad {
    fn step(&mut self, x: f32) -> f32 {
        let y = self.b[0] * x + self.z[0];
        self.z[0] = self.b[1] * x - self.a[0] * y + self.z[1];
        self.z[1] = self.b[2] * x - self.a[1] * y;
        y
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u32 {
    let mut state = 1_181_783_497;
    let mut filters = [Biquad::default(); 4];
    for (n, filter) in filters.iter_mut().enumerate() {
        filter.b = [0.2 + n as f32 * 0.01, 0.4, 0.2];
        filter.a = [-0.37, 0.19 - n as f32 * 0.005];
    }
    let mut sum = 0.0f32;
    for _ in 0..n {
        for _ in 0..256 {
            let sample = (next(&mut state) >> 16) as f32 / 65536.0 - 0.5;
            sum += filters.iter_mut().fold(sample, |x, filter| filter.step(x));
        }
    }
    sum.to_bits()
}
