//! Members that every document has: the time in which something counts, and bytes in base64.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The times in which something counts, both ends included (`TimeRange` of the specification).
///
/// Written in whole seconds, and so that nothing falls out: the end is the next second.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Window {
    /// The first moment. What is read has one: a missing or misspelled start must not widen trust.
    #[serde(with = "start")]
    pub start: Option<SystemTime>,
    /// The last moment, of what is retired or will be; none while it counts on.
    #[serde(default, with = "end", skip_serializing_if = "Option::is_none")]
    pub end: Option<SystemTime>,
}

impl Window {
    /// What counts from a moment on, until `end` if one is known.
    #[must_use]
    pub fn between(start: SystemTime, end: Option<SystemTime>) -> Self {
        Self {
            start: Some(start),
            end,
        }
    }

    /// Tells whether the window holds a moment.
    #[must_use]
    pub fn holds(&self, time: SystemTime) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

mod start {
    use serde::de::Error as _;

    use super::{Deserializer, Duration, Serializer, SystemTime, read, write};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        write(*time, Duration::ZERO, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        match read(deserializer)? {
            None => Err(D::Error::custom("a window of validity has no start")),
            start => Ok(start),
        }
    }
}

mod end {
    use super::{Deserializer, Duration, Serializer, SystemTime, read, write};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let almost_a_second = Duration::from_nanos(999_999_999);
        write(*time, almost_a_second, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        read(deserializer)
    }
}

/// Writes the whole second that `later` than a time is in; an error if its year has five digits.
fn write<S: Serializer>(
    time: Option<SystemTime>,
    later: Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let written = time.map(|time| {
        let time = in_utc(time).and_then(|time| time.checked_add(later.try_into().ok()?));
        let time = time.ok_or_else(|| S::Error::custom("it is after the year 9999"))?;
        let text = time.truncate_to_second().format(&Rfc3339);
        text.map_err(S::Error::custom)
    });
    written.transpose()?.serialize(serializer)
}

fn in_utc(time: SystemTime) -> Option<OffsetDateTime> {
    let nanos = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).ok()?,
        Err(before) => -i128::try_from(before.duration().as_nanos()).ok()?,
    };
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let parsed = text.map(|text| OffsetDateTime::parse(&text, &Rfc3339));
    let parsed = parsed.transpose().map_err(serde::de::Error::custom)?;
    Ok(parsed.map(SystemTime::from))
}

/// Bytes, written in base64 (RFC 4648, section 4) as protobuf's JSON mapping has them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text);
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}
