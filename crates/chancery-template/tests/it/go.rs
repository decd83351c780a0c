//! Templates with what Go 1.26 made of them: see `tests/go/README.md`.

use std::collections::BTreeMap;

use chancery_template::Template;
use serde::Deserialize;

const RECORDED: &str = include_str!("../go/recorded.json");
const PROBES: &str = include_str!("../go/probes.json");

#[derive(Deserialize)]
struct Corpus {
    data: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    output: Option<String>,
    error: Option<String>,
}

fn run(case: &Case, data: &BTreeMap<String, String>) -> (Option<String>, Option<String>) {
    let Ok(template) = Template::parse(&case.template) else {
        return (None, Some("parse".to_owned()));
    };
    match template.render(data) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some("execute".to_owned())),
    }
}

fn check(corpus: &str) -> usize {
    let corpus: Corpus = serde_json::from_str(corpus).unwrap();
    let mut wrong = Vec::new();
    for case in &corpus.cases {
        let found = run(case, &corpus.data);
        let wanted = (case.output.clone(), case.error.clone());
        if found != wanted {
            wrong.push(format!(
                "{:?}\n  Go {wanted:?}\n  we {found:?}",
                case.template
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    corpus.cases.len()
}

#[test]
fn every_recorded_template_gives_what_go_gives() {
    assert_eq!(check(RECORDED), 125);
}

#[test]
fn every_probed_template_gives_what_go_gives() {
    assert_eq!(check(PROBES), 382);
}
