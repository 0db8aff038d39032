//! The words that values without fields are written as in JSON, as labels.

use std::fmt;

use serde::ser::{Impossible, Serialize, Serializer};

/// The word that a variant without fields is written as in JSON, so that metrics, spans, records and answers say the
/// same; `unknown` of anything else.
pub fn word(value: &impl Serialize) -> &'static str {
    value.serialize(Word).unwrap_or("unknown")
}

/// The same of what may be missing: `none` then.
pub fn word_or_none(value: Option<&impl Serialize>) -> &'static str {
    value.map_or("none", word)
}

/// Takes the name of a variant and nothing else.
struct Word;

type Result = std::result::Result<&'static str, fmt::Error>;
type Never = Impossible<&'static str, fmt::Error>;

macro_rules! no_words {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $name(self, $(_: $argument),*) -> std::result::Result<$result, fmt::Error> { Err(fmt::Error) })*
    };
}

impl Serializer for Word {
    type Ok = &'static str;
    type Error = fmt::Error;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        Ok(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result {
        Err(fmt::Error)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result {
        Err(fmt::Error)
    }

    no_words! {
        serialize_bool(bool) -> &'static str;
        serialize_i8(i8) -> &'static str;
        serialize_i16(i16) -> &'static str;
        serialize_i32(i32) -> &'static str;
        serialize_i64(i64) -> &'static str;
        serialize_u8(u8) -> &'static str;
        serialize_u16(u16) -> &'static str;
        serialize_u32(u32) -> &'static str;
        serialize_u64(u64) -> &'static str;
        serialize_f32(f32) -> &'static str;
        serialize_f64(f64) -> &'static str;
        serialize_char(char) -> &'static str;
        serialize_str(&str) -> &'static str;
        serialize_bytes(&[u8]) -> &'static str;
        serialize_none() -> &'static str;
        serialize_unit() -> &'static str;
        serialize_unit_struct(&'static str) -> &'static str;
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Reason, Tier};

    #[test]
    fn words_are_those_of_json() {
        assert_eq!(word(&Reason::NoConsent), "no_consent");
        assert_eq!(word(&Tier::None), "none");
        assert_eq!(word_or_none(Some(&Reason::Budget)), "budget");
        assert_eq!(word_or_none(None::<&Reason>), "none");
        assert_eq!(word(&"a text that somebody sent"), "unknown");
        assert_eq!(word(&(1, 2)), "unknown");
    }
}
