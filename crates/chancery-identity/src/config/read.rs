//! How a configuration is read: a bounded tree of YAML or JSON, and entries with no key misspelt.

use std::cell::Cell;
use std::fmt;

use serde::de::value::Error as NamesFound;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value};

use super::{Document, Entry, EntryFault, JSON_NAMES};
use crate::quoted::quoted;
use crate::token::{parse_json, parse_strictly_from};

/// The most octets of a configuration. Fulcio's own has 14 KiB.
const MAX_DOCUMENT: usize = 1 << 20;

/// The most brackets of YAML that may be open at a time, counted with those in texts: the parser
/// takes time by the square of the levels.
const MAX_OPEN: usize = 1000;

/// Keys of an entry that tell people something, and Fulcio and us nothing.
const FOR_PEOPLE: [&str; 3] = ["contact", "description", "environment"];

/// Keys of an entry that Fulcio has.
const FULCIOS: [&str; 10] = [
    "ca-cert",
    "challenge-claim",
    "ci-provider",
    "client-id",
    "issuer-claim",
    "issuer-url",
    "skip-email-verification",
    "spiffe-trust-domain",
    "subject-domain",
    "type",
];

/// Reads a document as a tree: JSON if it is JSON, else YAML with its merges done.
pub(super) fn tree(document: &[u8]) -> Result<Value, String> {
    if document.len() > MAX_DOCUMENT {
        return Err(format!("it has more than {MAX_DOCUMENT} octets"));
    }
    match parse_json(document) {
        Ok(mut json) => {
            use_fulcios_case(&mut json)?;
            Ok(json)
        }
        Err(error) if document.trim_ascii_start().starts_with(b"{") => Err(error.to_string()),
        Err(_) => yaml(document),
    }
}

fn yaml(document: &[u8]) -> Result<Value, String> {
    let mut open = 0_usize;
    for octet in document {
        match octet {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_OPEN {
            return Err(format!("it has more than {MAX_OPEN} brackets open"));
        }
    }
    let reader = yaml_serde::Deserializer::from_slice(document);
    let mut tree = parse_strictly_from(reader).map_err(|error| {
        let text = error.to_string();
        text.strip_prefix("not JSON: ").unwrap_or(&text).to_owned()
    })?;
    merge(&mut tree)?;
    Ok(tree)
}

/// Does what `<<` asks for (YAML's merge key): the mapping's own keys win, then those of the mapping
/// that is named first.
fn merge(tree: &mut Value) -> Result<(), String> {
    match tree {
        Value::Array(elements) => elements.iter_mut().try_for_each(merge),
        Value::Object(members) => {
            members.values_mut().try_for_each(merge)?;
            let sources = match members.remove("<<") {
                None => return Ok(()),
                Some(Value::Array(sources)) => sources,
                Some(source) => vec![source],
            };
            for source in sources {
                let Value::Object(source) = source else {
                    return Err("a `<<` merges something that is not a mapping".into());
                };
                for (name, value) in source {
                    members.entry(name).or_insert(value);
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Gives the members of a JSON file the case that Fulcio writes, on the levels that it defines; the
/// level between has issuer URLs for names.
fn use_fulcios_case(document: &mut Value) -> Result<(), String> {
    let Value::Object(top) = document else {
        return Ok(());
    };
    rename(top)?;
    let entries = top
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut);
    for entry in entries {
        match entry {
            Value::Object(entry) => rename(entry)?,
            Value::Array(entries) => entries
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .try_for_each(rename)?,
            _ => {}
        }
    }
    Ok(())
}

fn rename(object: &mut Map<String, Value>) -> Result<(), String> {
    for (name, value) in std::mem::take(object) {
        let known = JSON_NAMES
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(&name));
        let name = known.map_or(name, str::to_owned);
        if object.contains_key(&name) {
            return Err(format!("the member {name:?} is there twice, in two cases"));
        }
        object.insert(name, value);
    }
    Ok(())
}

/// Returns what of the topmost level nobody reads.
pub(super) fn unknown_sections(document: &Value) -> Vec<String> {
    let known = names_of::<Document>();
    let unknown = |name: &&String| !known.contains(&name.as_str()) && name.as_str() != "define";
    let names = document.as_object().into_iter().flat_map(Map::keys);
    names
        .filter(unknown)
        .map(|name| {
            let hint = nearest(name, known).map(|known| format!("; did you mean `{known}`?"));
            format!(
                "the key {} is not read{}",
                quoted(name),
                hint.unwrap_or_default()
            )
        })
        .collect()
}

/// Reads one entry. A key that nobody knows is a warning, as Fulcio ignores it; one that is nearly
/// a key of ours, which decides who gets a certificate, is an error.
pub(super) fn entry(value: Value, warn: &mut dyn FnMut(String)) -> Result<Entry, EntryFault> {
    let Value::Object(members) = &value else {
        return Err(EntryFault::Unreadable(
            "it is neither an entry nor a list of entries".into(),
        ));
    };
    let known = names_of::<Entry>();
    for name in members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
    {
        if FOR_PEOPLE.iter().any(|key| key.eq_ignore_ascii_case(name)) {
            continue;
        }
        let nearest = nearest(name, known);
        if let Some(ours) = nearest.filter(|known| !FULCIOS.contains(known)) {
            return Err(EntryFault::KeyMisspelt {
                found: quoted(name),
                nearest: ours,
            });
        }
        let hint = nearest.map(|known| format!("; did you mean `{known}`?"));
        let hint = hint.unwrap_or_default();
        warn(format!("the key {} is not read{hint}", quoted(name)));
    }
    serde_json::from_value(value).map_err(|error| EntryFault::Unreadable(error.to_string()))
}

/// Finds the key that was meant: the same but for case, `-` and `_`, or at most two slips away.
pub(crate) fn nearest(found: &str, known: &[&'static str]) -> Option<&'static str> {
    const SLIPS: usize = 2;
    let longest = known.iter().map(|known| known.len()).max()?;
    if found.len() > longest + 2 * SLIPS {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    let distance = |known: &str| match plain(known) == plain(found) {
        true => 0,
        false => strsim::damerau_levenshtein(found, known),
    };
    // A key's other spelling, Go's, is not what a message should propose.
    let kebab = known
        .iter()
        .filter(|known| !known.contains(char::is_uppercase));
    kebab
        .map(|known| (distance(known), *known))
        .filter(|(distance, known)| *distance <= SLIPS && *distance < known.len())
        .min()
        .map(|(_, known)| known)
}

/// Returns the names that a struct is read from, as its `Deserialize` knows them.
fn names_of<T: Deserialize<'static>>() -> &'static [&'static str] {
    let names = Cell::new(&[][..]);
    let _ = T::deserialize(Names(&names));
    names.get()
}

/// Hears the names of a struct, and offers none.
struct Names<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = NamesFound;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, NamesFound> {
        self.0.set(fields);
        Err(serde::de::Error::custom("names only"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NamesFound> {
        Err(serde::de::Error::custom("names only"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Debug for Names<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Names")
    }
}
