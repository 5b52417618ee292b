//! What a device trusts, and what it refused.

use std::fmt::Write;

use xmap_link::TrustStatus;
use xmap_trust::Limit;

use super::modules::rejection_text;
use super::report::uptime;

/// Returns what a device trusts, as `xmap status` says it.
pub fn trust_report(trust: Option<&TrustStatus>) -> String {
    let Some(TrustStatus { policy, rejected, last }) = trust else {
        return "trust     DEVELOPMENT build: any image is taken, whoever made it\n".into();
    };
    let policy = policy.map_or_else(|| "no policy".into(), |version| format!("policy {version}"));
    let mut text = format!("trust     {policy}, images refused: {rejected}\n");
    if let Some(last) = last {
        let (time, line) = (uptime(last.time_us), rejection_text(last));
        writeln!(text, "refused   {time}  module {}: {line}", last.module).expect("a string takes any text");
    }
    text
}

/// Returns what an image may ask a device for, as `xmap status` says it.
pub fn limits_report(limits: &[(Limit, u32)]) -> String {
    let one = |(limit, value): &(Limit, u32)| format!("{limit} {value}");
    let all: Vec<String> = limits.iter().map(one).collect();
    format!("limits    {}\n", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_link::Rejection;

    #[test]
    fn what_a_device_trusts_reads_like_this() {
        assert!(trust_report(None).starts_with("trust     DEVELOPMENT build"));
        let last = |code, details, text: &str| {
            let text = text.try_into().unwrap();
            let last = Some(Rejection { time_us: 1_500_000, module: 1, code, details, text });
            trust_report(Some(&TrustStatus { policy: Some(3), rejected: 2, last }))
        };
        let head = "trust     policy 3, images refused: 2\nrefused   00:00:01.500  module 1: ";
        for (code, details, text, line) in [
            (8, [7, 8], "", "reject: rollback 7 < 8"),
            (6, [0; 2], "https://evil.example", "reject: untrusted origin https://evil.example"),
            (7, [0; 2], "door", "reject: key not allowed for this module"),
            (4, [0; 2], "", "reject: revoked"),
            (5, [0; 2], "", "reject: hash mismatch"),
            (6, [0; 2], "\u{1b}[2J", "reject: untrusted origin \\u{1b}[2J"),
            (200, [1, 2], "", "reject: reason 200, 1 2"),
        ] {
            assert_eq!(last(code, details, text), format!("{head}{line}\n"));
        }
    }
}
