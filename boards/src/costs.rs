//! What ops cost on a board, for the bounds that the compiler works out.

/// Instructions of the board's processor, at most. An op stands by its number in the image format.
#[derive(Debug)]
pub struct Costs {
    /// A call of a code entry; parameters, results and ops are not counted.
    pub call: u64,
    /// Each parameter of a call.
    pub param: u64,
    /// Each result of a call.
    pub result: u64,
    /// `log.message` beside the bytes of its text.
    pub text: u64,
    /// Each byte of it.
    pub text_byte: u64,
    /// Each byte that an op copies or fills.
    pub byte: u64,
    /// Each reference that an op copies or writes.
    pub reference: u64,
    /// What copying or filling any number of them takes beyond none.
    pub stretch: u64,
    /// Random numbers of any length, and each byte of them: HMAC-SHA256 makes 32 at a time.
    pub random: u64,
    /// See [`Costs::random`].
    pub random_byte: u64,
    /// One op.
    pub op: [u16; 256],
    /// A call of a direct entry that is this op, parameters and result included.
    pub direct: [u16; 256],
}

impl Costs {
    /// Returns the costs of one op.
    pub const fn op(&self, op: u8) -> u64 {
        self.op[op as usize] as u64
    }

    /// Returns the costs of a call of a direct entry that is this op.
    pub const fn direct(&self, op: u8) -> u64 {
        self.direct[op as usize] as u64
    }
}

/// Returns a table of rows `(op, cost)`. An op without a row is never asked for; it costs as much as the
/// dearest.
pub(crate) const fn by_op(rows: &[(u8, u16)]) -> [u16; 256] {
    let (mut most, mut n) = (0, 0);
    while n < rows.len() {
        most = if rows[n].1 > most { rows[n].1 } else { most };
        n += 1;
    }
    let mut table = [most; 256];
    while n > 0 {
        n -= 1;
        table[rows[n].0 as usize] = rows[n].1;
    }
    table
}
