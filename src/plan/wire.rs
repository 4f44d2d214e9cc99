//! The trait, its bounded input, and its implementations for what the standard library
//! has. Numbers are little-endian, a sequence is its length and its items, an enum is one
//! byte and its fields.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Malformed;

/// Something that can be written and read back.
pub(super) trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed>;
}

/// The bytes that are still to be read.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    /// A length; what it counts takes at least one byte each, so a larger one than what
    /// is left is a lie.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = usize::try_from(u32::get(self)?).map_err(|_| Malformed)?;
        (length <= self.0.len()).then_some(length).ok_or(Malformed)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.take(length)
    }
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Lengths beyond `u32` can't come up: `encode` refuses what is over 16 MiB, and the
/// saturated one would be refused by `decode`.
fn put_length(length: usize, out: &mut Vec<u8>) {
    u32::try_from(length).unwrap_or(u32::MAX).put(out);
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Wire for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
                input.array().map(Self::from_le_bytes)
            }
        }
    )* };
}
numbers!(u8, i8, u16, i16, u32, i32, u64, i64, u128);

/// A struct: its fields in this order, all of them (a forgotten one doesn't compile).
macro_rules! structs {
    ($($name:ty { $($field:ident),* $(,)? })*) => { $(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.put(out);)*
            }
            fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
                $(let $field = Wire::get(input)?;)*
                Ok(Self { $($field),* })
            }
        }
    )* };
}

/// An enum: one byte a variant, then its fields.
macro_rules! enums {
    ($($name:ty { $($tag:literal = $variant:ident $(($field:ident))? $({ $($named:ident),* })?),* $(,)? })*) => { $(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($field))? $({ $($named),* })? => {
                        out.push($tag);
                        $($field.put(out);)?
                        $($($named.put(out);)*)?
                    })*
                }
            }
            fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
                match u8::get(input)? {
                    $($tag => {
                        $(let $field = Wire::get(input)?;)?
                        $($(let $named = Wire::get(input)?;)*)?
                        Ok(Self::$variant $(($field))? $({ $($named),* })?)
                    })*
                    _ => Err(Malformed),
                }
            }
        }
    )* };
}
pub(super) use {enums, structs};

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match u8::get(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

impl Wire for Box<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(input.bytes()?).map_err(|_| Malformed)?;
        Ok(text.into())
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        bool::get(input)?.then(|| T::get(input)).transpose()
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_ref().put(out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::get(input).map(Self::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for item in self {
            item.put(out);
        }
    }
    /// Grows as items arrive, so that a false length costs nothing.
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        let mut items = Self::new();
        for _ in 0..length {
            items.push(T::get(input)?);
        }
        Ok(items)
    }
}

impl<T: Wire> Wire for Box<[T]> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for item in self {
            item.put(out);
        }
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Vec::get(input).map(Vec::into_boxed_slice)
    }
}

impl Wire for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_secs().put(out);
        self.subsec_nanos().put(out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let seconds = u64::get(input)?;
        match u32::get(input)? {
            nanos @ ..1_000_000_000 => Ok(Self::new(seconds, nanos)),
            1_000_000_000.. => Err(Malformed),
        }
    }
}

impl Wire for SocketAddr {
    fn put(&self, out: &mut Vec<u8>) {
        match self.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                ip.to_bits().put(out);
            }
            IpAddr::V6(ip) => {
                out.push(6);
                ip.to_bits().put(out);
            }
        }
        self.port().put(out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let ip = match u8::get(input)? {
            4 => IpAddr::V4(u32::get(input)?.into()),
            6 => IpAddr::V6(u128::get(input)?.into()),
            _ => return Err(Malformed),
        };
        Ok(Self::new(ip, u16::get(input)?))
    }
}
