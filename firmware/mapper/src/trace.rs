//! Spans of a module: what is checked before a board notes them.

use xmap_abi::{HostFunction, TEXT_NUMBER, TEXT_WIDE};

use crate::native::Native;
use crate::window::Window;
use crate::{Fault, Port, SpanText, SpanValue, TrapCode, memory};

impl<P: Port> Native<'_, P> {
    /// `trace.start_span`, `end_span` and `set_attr_*`: returns the result, 0 where there is none. A board
    /// that notes nothing does nothing.
    ///
    /// # Errors
    /// A text outside the memory.
    #[cold]
    #[inline(never)]
    pub(crate) fn span(
        &mut self,
        [base, row]: [u8; 2],
        window: &Window,
        memory: &[u8],
    ) -> Result<u32, Fault> {
        let raw = |n: u8| window[usize::from(base.wrapping_add(n))];
        let text = |at: u8| {
            let [address, len] = [raw(at) as u32, raw(at.wrapping_add(1)) as u32];
            if len == TEXT_NUMBER {
                return Ok(SpanText::Number(address as u16));
            }
            if len == TEXT_WIDE {
                let outside = Fault::new(TrapCode::OutOfBounds, address);
                let head = u64::from(address).checked_sub(4).and_then(|head| memory::load(memory, head));
                let len = u32::from_le_bytes(head.ok_or(outside)?);
                return memory::range(memory, address, len).map(SpanText::Wide);
            }
            memory::range(memory, address, len).map(SpanText::Bytes)
        };
        let span = raw(1) as u32 as i32;
        const START: u8 = HostFunction::TraceStartSpan as u8;
        const END: u8 = HostFunction::TraceEndSpan as u8;
        const INTEGER: u8 = HostFunction::TraceSetAttrI64 as u8;
        const FLOAT: u8 = HostFunction::TraceSetAttrF64 as u8;
        match row {
            START => {
                let name = text(1)?;
                return Ok(self.port.spans().map_or(0, |spans| spans.start(name)) as u32);
            }
            END => {
                if let Some(spans) = self.port.spans() {
                    spans.end(span);
                }
            }
            _ => {
                let key = text(2)?;
                let value = match row {
                    INTEGER => SpanValue::I64(raw(4) as i64),
                    FLOAT => SpanValue::F64(f64::from_bits(raw(4))),
                    _ => SpanValue::Text(text(4)?),
                };
                if let Some(spans) = self.port.spans() {
                    spans.set(span, key, value);
                }
            }
        }
        Ok(0)
    }
}
