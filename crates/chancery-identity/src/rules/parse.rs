//! Rules as the configuration has them; one that could never match, or would match too much by a
//! slip, is refused.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Map, Value};

use super::{ClaimPath, Pattern, Rule};
use crate::claim_texts::scalar;
use crate::quoted::quoted;
use crate::rules::glob::Glob;

/// The most characters of a rule's name, which refusals show.
const MAX_NAME: usize = 100;

/// What a claim can be compared with.
const FORMS: &str = "a value is a text, a number, `{equal: …}`, `{glob: …}`, or a list of these";

/// The rules under `allow` or `deny`. Written down, it is not empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleList(Vec<Rule>);

impl RuleList {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for RuleList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(rules) if !rules.is_empty() => {
                let rules = rules.iter().enumerate();
                let rules = rules.map(|(index, rule)| parse(index, rule).map_err(D::Error::custom));
                Ok(Self(rules.collect::<Result<_, _>>()?))
            }
            _ => Err(D::Error::custom(
                "`allow` and `deny` are lists of at least one rule, each with `name` and `claims`; \
                 leave them out if there is no rule",
            )),
        }
    }
}

fn parse(index: usize, rule: &Value) -> Result<Rule, String> {
    let number = index + 1;
    let Value::Object(members) = rule else {
        return Err(format!(
            "rule {number} is not a mapping of `name` and `claims`"
        ));
    };
    let name = members
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let shown = |character: char| !character.is_control();
    if name.trim().is_empty() || name.chars().count() > MAX_NAME || !name.chars().all(shown) {
        return Err(format!(
            "rule {number} has no `name` of 1 to {MAX_NAME} characters, which refusals need"
        ));
    }
    let in_rule = |reason: String| format!("rule {}: {reason}", quoted(name));
    require_known(members, &["name", "claims"]).map_err(in_rule)?;
    let claims = match members.get("claims") {
        Some(Value::Object(claims)) if !claims.is_empty() => claims,
        _ => {
            return Err(in_rule(
                "it has no `claims`, so it would match every token".into(),
            ));
        }
    };
    let claims = claims.iter().map(|(claim, value)| {
        let in_claim = |reason: String| in_rule(format!("claim {}: {reason}", quoted(claim)));
        let path = ClaimPath::parse(claim).map_err(in_claim)?;
        Ok((path, patterns(value).map_err(in_claim)?))
    });
    Ok(Rule {
        name: name.to_owned(),
        claims: claims.collect::<Result<_, String>>()?,
    })
}

impl ClaimPath {
    /// Reads a claim's name, or the JSON pointer to a member of a claim.
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a claim's name is not empty".into());
        }
        let Some(pointer) = text.strip_prefix('/') else {
            return Ok(Self(vec![text.to_owned()]));
        };
        let member = |member: &str| {
            let mut escapes = member.split('~').skip(1);
            let known = escapes.all(|rest| rest.starts_with(['0', '1']));
            (known && !member.is_empty()).then(|| member.replace("~1", "/").replace("~0", "~"))
        };
        let members: Option<Vec<String>> = pointer.split('/').map(member).collect();
        members.map(Self).ok_or_else(|| {
            "it is not a JSON pointer such as `/kubernetes.io/namespace`; `~1` stands for a `/` \
             in a name"
                .into()
        })
    }
}

fn patterns(value: &Value) -> Result<Vec<Pattern>, String> {
    match value {
        Value::Array(choices) => any_of(choices),
        Value::Object(form) => match form.get("any-of") {
            Some(Value::Array(choices)) if form.len() == 1 => any_of(choices),
            _ => Ok(vec![one(value)?]),
        },
        value => Ok(vec![one(value)?]),
    }
}

fn any_of(choices: &[Value]) -> Result<Vec<Pattern>, String> {
    if choices.is_empty() {
        return Err("a list without elements matches nothing".into());
    }
    choices.iter().map(one).collect()
}

fn one(value: &Value) -> Result<Pattern, String> {
    match value {
        Value::String(plain) if plain.contains('*') => Err(format!(
            "{} has a `*`, but plain texts are compared to the letter; write `{{glob: …}}` or \
             `{{equal: …}}`",
            quoted(plain)
        )),
        Value::Object(form) => {
            require_known(form, &["equal", "glob", "any-of"])?;
            match (form.len(), form.get("equal"), form.get("glob")) {
                (1, Some(equal), _) => Ok(Pattern::Equal(text(equal)?)),
                (1, _, Some(Value::String(glob))) => Glob::parse(glob).map(Pattern::Glob),
                _ => Err(FORMS.into()),
            }
        }
        value => Ok(Pattern::Equal(text(value)?)),
    }
}

/// Returns a plain value's text. The reader rounds whole numbers of more than 64 bits, so that one
/// would pass for its neighbours.
fn text(value: &Value) -> Result<String, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let rounded = |float: f64| float.fract() == 0.0 && float.abs() >= EXACT;
    if value.is_f64() && value.as_f64().is_some_and(rounded) {
        return Err(
            "so long a number is not read to its last digit; put it in quotation marks".into(),
        );
    }
    scalar(value).ok_or_else(|| FORMS.into())
}

fn require_known(members: &Map<String, Value>, known: &[&'static str]) -> Result<(), String> {
    let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let nearest = crate::config::nearest(unknown, known);
    let hint = nearest.map(|nearest| format!("; did you mean `{nearest}`?"));
    Err(format!(
        "the key {} is unknown{}",
        quoted(unknown),
        hint.unwrap_or_default()
    ))
}
