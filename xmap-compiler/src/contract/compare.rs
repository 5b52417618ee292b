//! What a change of a contract breaks: named rules, each with a verdict for source and for wire.
//!
//! *Source*: a client that is compiled anew, with arguments by name and in order, and a type of its own for
//! each type, unit and owner. *Wire*: a client that is not: it sends positions, and reads as many results as
//! it knows.

use std::fmt::{self, Write as _};

use xmap_image::Ty;

use super::{Contract, ContractExport};
use crate::manifest::{Owner, Typed, Value, ValueRange};

/// The effect of a change on clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// They do.
    Fine,
    /// Some do not, or do something else.
    Breaks,
}

impl Effect {
    fn breaks(condition: bool) -> Self {
        if condition { Self::Breaks } else { Self::Fine }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "fine",
            Self::Breaks => "breaks",
        })
    }
}

crate::rules! {
    /// A rule that a change falls under.
    Removed = "export-removed", "The export is not there any more.";
    Added = "export-added", "The export is new.";
    ParamAdded = "param-added", "The export has more parameters.";
    ParamRemoved = "param-removed", "The export has fewer parameters.";
    ParamOrder = "param-order", "The parameters stand in another order.";
    ParamRenamed = "param-renamed", "A parameter has another name.";
    ParamWidened = "param-type-widened", "A parameter takes all that it took, and more.";
    ParamNarrowed = "param-type-narrowed", "A parameter does not take all that it took.";
    ParamType = "param-type-changed", "A parameter has a type of another kind.";
    ResultAdded = "result-added", "The export has more results.";
    ResultRemoved = "result-removed", "The export has fewer results.";
    ResultWidened = "result-type-widened", "A result can be more than it could.";
    ResultNarrowed = "result-type-narrowed", "A result cannot be all that it could.";
    ResultType = "result-type-changed", "A result has a type of another kind.";
    Length = "result-length-changed", "Another number of bytes stands at an address.";
    Ownership = "ownership-changed", "The bytes are somebody else's.";
    Unit = "unit-changed", "A number counts something else.";
    RangeWidened = "range-widened", "More values are meant.";
    RangeNarrowed = "range-narrowed", "Fewer values are meant.";
    Tightened = "lifecycle-tightened", "Another call has to come before.";
    Relaxed = "lifecycle-relaxed", "A call need not come before any more.";
    IdempotentLost = "idempotent-lost", "A call that is repeated may be done twice.";
    IdempotentGained = "idempotent-gained", "A call may be repeated now.";
    Contract = "contract-changed", "The hash differs in what the types do not say: ownership, unit, range or lifecycle.";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A change of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The export's key.
    pub key: String,
    /// The rule.
    pub rule: Rule,
    /// What it was and is, in a sentence without a full stop.
    pub what: String,
    /// For clients that are compiled anew.
    pub source: Effect,
    /// For clients that are not.
    pub wire: Effect,
}

/// Compares two contracts: every change, by key and rule.
pub fn compare(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in &old.exports {
        match new.export(&before.key) {
            Some(after) => changes.extend(compare_exports(before, after, true)),
            None => changes.push(removed(&before.key)),
        }
    }
    for after in new.exports.iter().filter(|after| old.export(&after.key).is_none()) {
        let what = "the export is new".to_string();
        let (source, wire) = (Effect::Fine, Effect::Fine);
        changes.push(Change { key: after.key.clone(), rule: Rule::Added, what, source, wire });
    }
    changes.sort_by(|a, b| (&a.key, a.rule).cmp(&(&b.key, b.rule)));
    changes
}

/// Returns the changes of an export whose hash is another one; at least one. `names` says whether the
/// parameters' names are the authors'.
pub fn replaced(old: &ContractExport, new: &ContractExport, names: bool) -> Vec<Change> {
    let changes = compare_exports(old, new, names);
    if changes.is_empty() { vec![unsaid(&old.key)] } else { changes }
}

/// The change of an export whose hash is another one, where no more is known.
pub fn unsaid(key: &str) -> Change {
    let what = "its hash differs in what its types do not say".to_string();
    Change { rule: Rule::Contract, what, ..removed(key) }
}

/// Writes the sentence for exports that are in use and change, the worst first: it is the reason. `None`
/// where none does. A build and a swap say it alike.
pub fn in_use(place: &str, mut changes: Vec<Change>) -> Option<String> {
    changes.sort_by_key(|change| std::cmp::Reverse(change.wire));
    let (first, rest) = changes.split_first()?;
    let mut message = format!("{place}: {} is in use: {}: {}", first.key, first.rule, first.what);
    for change in rest {
        _ = write!(message, "; {}: {}: {}", change.key, change.rule, change.what);
    }
    Some(message)
}

/// The change that an export is not there any more.
pub fn removed(key: &str) -> Change {
    let (source, wire) = (Effect::Breaks, Effect::Breaks);
    Change { key: key.to_string(), rule: Rule::Removed, what: "the export is gone".into(), source, wire }
}

/// Compares two exports of one key. `names` says whether the parameters' names are the authors'.
fn compare_exports(old: &ContractExport, new: &ContractExport, names: bool) -> Vec<Change> {
    let mut comparison = Comparison { key: &new.key, changes: Vec::new() };
    comparison.params(old, new, names);
    comparison.results(old, new);
    comparison.lifecycle(old, new);
    comparison.changes
}

struct Comparison<'a> {
    key: &'a str,
    changes: Vec<Change>,
}

impl Comparison<'_> {
    fn push(&mut self, rule: Rule, what: String, source: Effect, wire: Effect) {
        self.changes.push(Change { key: self.key.to_string(), rule, what, source, wire });
    }

    fn params(&mut self, old: &ContractExport, new: &ContractExport, names: bool) {
        use Effect::{Breaks, Fine};
        let (before, after) = (old.params.len(), new.params.len());
        if before != after {
            let rule = if after > before { Rule::ParamAdded } else { Rule::ParamRemoved };
            return self.push(rule, format!("it took {before} arguments, and takes {after}"), Breaks, Breaks);
        }
        let of = |export: &ContractExport| -> Vec<String> {
            export.params.iter().map(|param| param.name.clone()).collect()
        };
        let (was, is) = (of(old), of(new));
        if names && was != is {
            let has_moved = |(n, name): (usize, &String)| {
                is.iter().position(|other| other == name).is_some_and(|place| place != n)
            };
            if was.iter().enumerate().any(has_moved) {
                let what = format!("it took ({}), and takes ({})", was.join(", "), is.join(", "));
                return self.push(Rule::ParamOrder, what, Breaks, Breaks);
            }
            for (was, is) in was.iter().zip(&is).filter(|(was, is)| was != is) {
                self.push(Rule::ParamRenamed, format!("parameter `{was}` is called `{is}`"), Breaks, Fine);
            }
        }
        for (was, is) in old.params.iter().zip(&new.params) {
            self.typed(&format!("parameter `{}`", is.name), &was.ty, &is.ty, true);
        }
    }

    fn results(&mut self, old: &ContractExport, new: &ContractExport) {
        let (before, after) = (old.results.len(), new.results.len());
        let what = || format!("it had {before} results, and has {after}");
        if after < before {
            return self.push(Rule::ResultRemoved, what(), Effect::Breaks, Effect::Breaks);
        }
        if after > before {
            // Who took none ignores what comes; who took one gets a tuple.
            self.push(Rule::ResultAdded, what(), Effect::breaks(before > 0), Effect::Fine);
        }
        for (n, (was, is)) in old.results.iter().zip(&new.results).enumerate() {
            self.typed(&format!("result {n}"), was, is, false);
        }
    }

    /// A value that a client gives (`given`) or takes.
    fn typed(&mut self, who: &str, was: &Typed, is: &Typed, given: bool) {
        use Effect::{Breaks, Fine};
        let what = format!("{who} was `{was}`, and is `{is}`");
        let kind = |value: Value| match value {
            Value::Scalar(ty) => ty,
            Value::Bytes(_) => Ty::BytesPtr,
            Value::Str(_) => Ty::StrPtr,
        };
        let (old, new) = (kind(was.value), kind(is.value));
        if old != new {
            let widened = is_within(old, new);
            let narrowed = is_within(new, old);
            let rule = match (widened, narrowed, given) {
                (true, _, true) => Rule::ParamWidened,
                (_, true, true) => Rule::ParamNarrowed,
                (_, _, true) => Rule::ParamType,
                (true, ..) => Rule::ResultWidened,
                (_, true, _) => Rule::ResultNarrowed,
                _ => Rule::ResultType,
            };
            let works = if given { widened } else { narrowed };
            let wire = Effect::breaks(!works || !are_same_bits(old, new));
            self.push(rule, what.clone(), Breaks, wire);
        }
        if let (Some(before), Some(after)) = (was.value.owner(), is.value.owner())
            && before != after
        {
            // Who was given a copy may be lent it; a result that is lent is copied in either case.
            let works = match given {
                true => (before, after) == (Owner::Copy, Owner::Borrow),
                false => before != Owner::Own && after != Owner::Own,
            };
            self.push(Rule::Ownership, what.clone(), Breaks, Effect::breaks(!works));
        }
        if old != new {
            // Ranges and units of another type are no changes of their own.
            return;
        }
        if was.fixed != is.fixed {
            self.push(Rule::Length, what.clone(), Breaks, Fine);
        }
        if was.unit != is.unit {
            self.push(Rule::Unit, what.clone(), Breaks, Breaks);
        }
        if was.range != is.range {
            // Without a range all values of the type are meant; of a float, any.
            let any = || ValueRange::of(old).unwrap_or(ValueRange::Float(f64::NEG_INFINITY, f64::INFINITY));
            let (before, after) = (was.range.unwrap_or_else(any), is.range.unwrap_or_else(any));
            if before == after {
                return;
            }
            let rule = if after.covers(&before) { Rule::RangeWidened } else { Rule::RangeNarrowed };
            let works = if given { after.covers(&before) } else { before.covers(&after) };
            self.push(rule, what, Fine, Effect::breaks(!works));
        }
    }

    fn lifecycle(&mut self, old: &ContractExport, new: &ContractExport) {
        use Effect::{Breaks, Fine};
        for key in new.needs.iter().filter(|key| !old.needs.contains(key)) {
            self.push(Rule::Tightened, format!("it needs a call of `{key}` before"), Breaks, Breaks);
        }
        for key in old.needs.iter().filter(|key| !new.needs.contains(key)) {
            self.push(Rule::Relaxed, format!("it needs no call of `{key}` before"), Fine, Fine);
        }
        match (old.idempotent, new.idempotent) {
            (true, false) => {
                let what = "a call of it may not be repeated any more".to_string();
                self.push(Rule::IdempotentLost, what, Fine, Breaks);
            }
            (false, true) => {
                self.push(Rule::IdempotentGained, "a call of it may be repeated".to_string(), Fine, Fine);
            }
            _ => {}
        }
    }
}

/// Returns whether each value of one type is one of another.
fn is_within(small: Ty, large: Ty) -> bool {
    let whole = |ty| if ty == Ty::Bool { Some(ValueRange::Whole(0, 1)) } else { ValueRange::of(ty) };
    match (whole(small), whole(large)) {
        (Some(small), Some(large)) => large.covers(&small),
        _ => matches!((small, large), (Ty::F32, Ty::F64) | (Ty::StrPtr, Ty::BytesPtr)),
    }
}

/// Returns whether each value that two types share has the same bits in a register, where 32-bit types stand
/// zero-extended.
fn are_same_bits(a: Ty, b: Ty) -> bool {
    let is_long = |ty| matches!(ty, Ty::U64 | Ty::I64);
    let has_negatives = |ty| matches!(ty, Ty::I8 | Ty::I16 | Ty::I32 | Ty::I64);
    let is_float = |ty| matches!(ty, Ty::F32 | Ty::F64);
    let extends = is_long(a) != is_long(b) && has_negatives(a) && has_negatives(b);
    !(is_float(a) || is_float(b) || extends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_values_have_the_same_bits_where_it_says_so() {
        let bits = |value: i128, ty: Ty| match ty {
            Ty::U64 | Ty::I64 => value as u64,
            _ => u64::from(value as u32),
        };
        let whole = [Ty::Bool, Ty::U8, Ty::I8, Ty::U16, Ty::I16, Ty::U32, Ty::I32, Ty::U64, Ty::I64];
        let values = |ty: Ty| {
            let probes =
                [0, 1, -1, 127, 128, -128, 255, 256, -32768, 65535, 1 << 31, -(1 << 31), 1 << 40, 1 << 63];
            probes.into_iter().filter(move |v| match ValueRange::of(ty) {
                Some(ValueRange::Whole(least, most)) => (least..=most).contains(v),
                _ => (0..=1).contains(v),
            })
        };
        for (a, b) in whole.into_iter().flat_map(|a| whole.map(|b| (a, b))) {
            let within = values(a).all(|v| values(b).any(|w| v == w));
            assert_eq!(is_within(a, b), within, "{a:?} {b:?}");
            let shared = values(a).filter(|v| values(b).any(|w| *v == w));
            let same = shared.into_iter().all(|v| bits(v, a) == bits(v, b));
            assert_eq!(are_same_bits(a, b), same, "{a:?} {b:?}");
        }
    }
}
