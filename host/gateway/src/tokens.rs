//! Who may ask: tokens, each with the rights of a role key.
//!
//! A token is worked out from a role key's secret and does not give it away: a proxy or a log that sees the
//! token has nothing that a device would take.

use axum::http::StatusCode;
use hmac_sha256::{HMAC, Hash};
use xmap_compiler::codes::Code;
use xmap_compiler::map::hex;
use xmap_link::{Pattern, Role, RoleKey};

use crate::problem::Problem;

/// What a token is the code of, under the role key's secret.
const PURPOSE: &[u8] = b"xmap gateway token 1";

/// A token and what its holder may do.
pub struct Token {
    /// Its name, for metrics and the log.
    pub name: String,
    /// SHA-256 of the token, which itself is not kept.
    hash: [u8; 32],
    /// The holder's role.
    pub role: Role,
    /// The exports that the holder may call.
    exports: Vec<Pattern>,
    /// The devices that the holder may see; `None` is all.
    devices: Option<Vec<String>>,
}

impl Token {
    /// The token of a role key: its role and its exports.
    pub fn of_key(name: &str, key: &RoleKey, devices: Option<Vec<String>>) -> Self {
        let token = token_of(key);
        let exports = key.exports.iter().cloned().collect();
        Self { name: name.into(), hash: Hash::hash(token.as_bytes()), role: key.role, exports, devices }
    }

    /// A token for everything.
    pub fn of_text(name: &str, token: &str) -> Self {
        let hash = Hash::hash(token.as_bytes());
        Self { name: name.into(), hash, role: Role::Own, exports: vec![crate::config::any()], devices: None }
    }

    /// Returns whether the holder may see a device.
    pub fn sees(&self, device: &str) -> bool {
        self.devices.as_ref().is_none_or(|devices| devices.iter().any(|name| name == device))
    }

    /// Holds the token against a role.
    ///
    /// # Errors
    /// X1504.
    pub fn must_be(&self, needs: Role) -> Result<(), Problem> {
        if self.role >= needs {
            return Ok(());
        }
        let role = self.role;
        let detail = format!("this takes a token of the role {needs}, and the token's role is {role}");
        Err(Problem::new(StatusCode::FORBIDDEN, Code::TokenTooLow, detail))
    }

    /// Returns whether the holder may call an export.
    pub fn may_call(&self, key: &str) -> bool {
        self.role >= Role::Call && self.exports.iter().any(|pattern| pattern.matches(key))
    }
}

/// The token of a role key, as text.
pub fn token_of(key: &RoleKey) -> String {
    hex(&HMAC::mac(PURPOSE, key.secret.expose()))
}

/// Makes a token of the operating system's random numbers.
///
/// # Errors
/// Why it gives none.
pub fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// All tokens.
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// These tokens.
    pub fn new(tokens: Vec<Token>) -> Self {
        Self(tokens)
    }

    /// Returns whether nobody may ask anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of the token with this text. Takes the same time for each text, whichever token it is near
    /// to: hashes are compared, and all of them.
    pub fn find(&self, text: &str) -> Option<usize> {
        let hash = Hash::hash(text.as_bytes());
        let same = |token: &Token| token.hash.iter().zip(&hash).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        self.0.iter().enumerate().fold(None, |found, (n, token)| if same(token) { Some(n) } else { found })
    }

    /// The token with this number.
    pub fn get(&self, number: usize) -> &Token {
        &self.0[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_link::Secret;

    fn key(role: Role, exports: &[&str]) -> RoleKey {
        let exports = exports.iter().map(|text| Pattern::new(text).unwrap()).collect();
        RoleKey { secret: Secret::new([role as u8; 32]), role, exports }
    }

    #[test]
    fn a_token_has_the_rights_of_its_key() {
        let (call, look) = (key(Role::Call, &["hall.lamp_*"]), key(Role::Observe, &["*"]));
        let tokens = Tokens::new(vec![
            Token::of_key("visitor", &call, Some(vec!["hall".into()])),
            Token::of_key("grafana", &look, None),
        ]);
        let visitor = tokens.get(tokens.find(&token_of(&call)).unwrap());
        assert!(visitor.may_call("hall.lamp_on") && !visitor.may_call("hall.pump_on"));
        assert!(visitor.sees("hall") && !visitor.sees("porch"));
        let grafana = tokens.get(tokens.find(&token_of(&look)).unwrap());
        assert!(!grafana.may_call("hall.lamp_on") && grafana.sees("porch"));
        assert_eq!(tokens.find(&hex(call.secret.expose())), None, "the secret is no token");
        assert_eq!((tokens.find(""), tokens.find(&token_of(&call)[1..])), (None, None));
    }
}
