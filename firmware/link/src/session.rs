//! The host's side of an authenticated session.

use crate::lock::Lock;
use crate::tagged::{Tagged, encode_message};
use crate::{
    Channel, DecodeError, EncodeError, Nonce, Request, Response, Role, Secret, Tag, decode_response,
};

/// A session that the host has asked for.
#[derive(Debug)]
pub struct Opening {
    secret: Secret,
    nonce: Nonce,
}

/// A session with a device that has shown that it has the key. The device believes the host with its first
/// request.
#[derive(Debug)]
pub struct Session {
    to_device: Lock,
    from_device: Lock,
    role: Role,
    /// The counter of the latest request.
    counter: u64,
    /// The counter of the latest frame that came unasked.
    stream: u64,
}

impl Opening {
    /// A session under this key. The nonce has to be new and random.
    pub const fn new(secret: Secret, nonce: Nonce) -> Self {
        Self { secret, nonce }
    }

    /// Returns what to ask the device.
    pub fn request(&self) -> Request {
        Request::Open { key: self.secret.id(), nonce: self.nonce }
    }

    /// The session, if the answer ([`Response::Opened`]) is that of a device that has the key.
    pub fn accept(&self, device: &Nonce, role: Role, proof: &Tag) -> Option<Session> {
        let [to_device, from_device] = Lock::pair(&self.secret, &self.nonce, device);
        let holds = from_device.holds(Channel::Response, 0, &[role as u8], proof);
        holds.then_some(Session { to_device, from_device, role, counter: 0, stream: 0 })
    }
}

impl Session {
    /// The key's role on this device.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Writes the next request; gives the part of `out` that is the frame. Sent again as it is, it is the
    /// same request.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`]; [`EncodeError::Exhausted`] after 2^64 - 1 requests.
    pub fn encode<'o>(
        &mut self,
        seq: u16,
        request: &Request,
        out: &'o mut [u8],
    ) -> Result<&'o [u8], EncodeError> {
        self.counter = self.counter.checked_add(1).ok_or(EncodeError::Exhausted)?;
        encode_message(Channel::TaggedRequest, &self.to_device, self.counter, seq, request, out)
    }

    /// Reads the payload of a [`Channel::TaggedResponse`] frame. `None` where it is not the device's answer
    /// to the latest request.
    ///
    /// # Errors
    ///
    /// As [`decode_response`]: the device has written this, and a later version does not read so.
    pub fn answer(&self, payload: &[u8]) -> Option<Result<(u16, Response), DecodeError>> {
        let tagged = Tagged::split(payload)?;
        let ours = tagged.counter == self.counter && tagged.holds(Channel::TaggedResponse, &self.from_device);
        ours.then(|| decode_response(tagged.message))
    }

    /// Reads the payload of a [`Channel::TaggedStream`] frame: the number of the channel that it would have
    /// come on, and what that would carry. `None` where it is not the device's, or came before.
    pub fn unasked<'p>(&mut self, payload: &'p [u8]) -> Option<(u8, &'p [u8])> {
        let tagged = Tagged::split(payload)?;
        if tagged.counter <= self.stream || !tagged.holds(Channel::TaggedStream, &self.from_device) {
            return None;
        }
        self.stream = tagged.counter;
        let (channel, payload) = tagged.message.split_first()?;
        Some((*channel, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_FRAME;

    #[test]
    fn the_last_number_is_not_used_twice() {
        let opening = Opening::new(Secret::new([1; 32]), [2; 32]);
        let [_, from_device] = Lock::pair(&Secret::new([1; 32]), &[2; 32], &[3; 32]);
        let proof = from_device.tag(Channel::Response, 0, &[Role::Own as u8]);
        let mut session = opening.accept(&[3; 32], Role::Own, &proof).unwrap();
        session.counter = u64::MAX - 1;
        let mut buffer = [0; MAX_FRAME];
        assert!(session.encode(1, &Request::Status, &mut buffer).is_ok());
        for _ in 0..3 {
            assert_eq!(session.encode(1, &Request::Status, &mut buffer), Err(EncodeError::Exhausted));
        }
    }
}
