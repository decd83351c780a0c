//! How one value of a certificate is made out of claims.

use chancery_template::{ParseError, RenderError, Template};

use crate::claim_texts::ClaimTexts;
use crate::go_url::{GoUrl, GoUrlError};
use crate::token::claims::ClaimFault;

/// A rule that makes a text. Configurations know the first two, built-in providers all.
#[derive(Debug, Clone)]
pub(crate) enum Recipe {
    /// The value of this claim, which must be there.
    Claim(String),
    Template(Box<Template>),
    /// The URL of the base with path elements, put together as by Go's `JoinPath`.
    Joined {
        base: Template,
        elements: Vec<Template>,
    },
    /// A URL on https, of which the token may leave out the scheme.
    OnHttps(Template),
}

/// Why a value cannot be made out of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// The claim is missing, and has no default.
    #[error("the token has no {claim:?}, and there is no default for it")]
    ClaimMissing {
        /// Its name.
        claim: String,
    },
    /// The claim is a list or an object.
    #[error("the token's {claim:?} is a list or an object, which has no text")]
    ClaimUnusable {
        /// Its name.
        claim: String,
    },
    /// The template fails for another reason.
    #[error("its template fails: {0}")]
    Render(String),
    /// The result cannot enter a certificate.
    #[error("it {0}")]
    Unfit(ClaimFault),
    /// The result is no URL.
    #[error("it would be no URL: it {0}")]
    Url(String),
}

impl Recipe {
    /// Reads the value of a configuration's key: a template if there is `{{` in it, else the name of
    /// a claim; nothing if it is blank.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ParseError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        if !text.contains("{{") {
            return Ok(Some(Self::Claim(text.to_owned())));
        }
        Ok(Some(Self::Template(Box::new(Template::parse(text)?))))
    }

    /// Tells whether a value of that name has a place in it, as far as can be seen before there are
    /// values.
    pub(crate) fn uses(&self, name: &str) -> bool {
        let looks_up = |template: &Template| template.keys().any(|key| key == name);
        match self {
            Self::Claim(claim) => claim == name,
            Self::Template(template) => looks_up(template),
            Self::Joined { base, elements } => looks_up(base) || elements.iter().any(looks_up),
            Self::OnHttps(template) => looks_up(template),
        }
    }

    /// Makes the text.
    pub(crate) fn make(&self, texts: &ClaimTexts) -> Result<String, RecipeError> {
        match self {
            Self::Claim(claim) => match texts.texts().get(claim) {
                Some(text) => Ok(text.clone()),
                None => Err(missing(claim, texts)),
            },
            Self::Template(template) => render(template, texts),
            Self::Joined { base, elements } => {
                let elements: Vec<String> = elements
                    .iter()
                    .map(|element| render(element, texts))
                    .collect::<Result<_, _>>()?;
                let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
                Ok(GoUrl::parse(&render(base, texts)?)?
                    .join(&elements)?
                    .to_string())
            }
            Self::OnHttps(template) => {
                let text = render(template, texts)?;
                let rest = match text.split_once("://") {
                    Some((_, rest)) => rest,
                    None => text.strip_prefix("//").unwrap_or(&text),
                };
                Ok(GoUrl::parse(&format!("https://{rest}"))?.to_string())
            }
        }
    }
}

impl From<GoUrlError> for RecipeError {
    fn from(error: GoUrlError) -> Self {
        Self::Url(error.to_string())
    }
}

/// Fills a template. Go would print a list or an object in its own notation, or find it "missing"
/// where a template looks whether it is there; to refer to one is an error here.
fn render(template: &Template, texts: &ClaimTexts) -> Result<String, RecipeError> {
    if let Some(claim) = template.keys().find(|key| texts.is_unusable(key)) {
        return Err(missing(claim, texts));
    }
    template.render(texts.texts()).map_err(|error| match error {
        RenderError::MissingKey { key, .. } => missing(&key, texts),
        other => RecipeError::Render(other.to_string()),
    })
}

fn missing(claim: &str, texts: &ClaimTexts) -> RecipeError {
    let claim = claim.to_owned();
    if texts.is_unusable(&claim) {
        RecipeError::ClaimUnusable { claim }
    } else {
        RecipeError::ClaimMissing { claim }
    }
}
