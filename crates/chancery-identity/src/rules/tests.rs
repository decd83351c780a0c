//! Tests of rules: what they match, and what is no rule.

use serde_json::{Value, json};

use super::*;

fn rules(allow: Value, deny: Value) -> Rules {
    let list = |rules: Value| match rules {
        Value::Null => RuleList::default(),
        rules => serde_json::from_value(rules).unwrap(),
    };
    Rules::new(list(allow), list(deny)).unwrap()
}

/// Tells whether a rule with this one claim matches.
fn matches(claim: &str, pattern: &Value, claims: &Value) -> bool {
    let rules = rules(
        json!([{"name": "one", "claims": {claim: pattern}}]),
        Value::Null,
    );
    let claims = Claims::new(claims.as_object().unwrap().clone());
    rules.check(&claims).is_ok()
}

#[test]
fn a_value_is_compared_by_its_text() {
    for (pattern, matching, others) in [
        (
            json!("acme"),
            vec![json!("acme"), json!(["x", "acme"])],
            vec![
                json!("Acme"),
                json!("acme "),
                json!(["x"]),
                json!([["acme"]]),
                json!({"acme": "acme"}),
                Value::Null,
            ],
        ),
        (
            json!(65),
            vec![json!(65), json!("65"), json!(65.0), json!([1, 65])],
            vec![json!(650), json!("065"), json!(65.5)],
        ),
        (
            json!(true),
            vec![json!(true), json!("true")],
            vec![json!(false), json!(1), json!("True")],
        ),
        (
            json!({"glob": "refs/tags/v*"}),
            vec![json!("refs/tags/v1")],
            vec![json!("refs/tags/v1/x"), json!("refs/heads/v1")],
        ),
        (json!({"equal": "v*"}), vec![json!("v*")], vec![json!("v1")]),
        (
            json!(["push", {"glob": "re*"}]),
            vec![json!("push"), json!("release")],
            vec![json!("pull"), json!([])],
        ),
        (
            json!({"any-of": ["a", "b"]}),
            vec![json!("b")],
            vec![json!("c")],
        ),
        (
            json!(9_007_199_254_740_993_u64),
            vec![json!("9007199254740993"), json!(9_007_199_254_740_993_u64)],
            vec![json!(9_007_199_254_740_992_u64)],
        ),
    ] {
        for value in matching {
            assert!(
                matches("c", &pattern, &json!({"c": value})),
                "{pattern} {value}"
            );
        }
        for value in others {
            assert!(
                !matches("c", &pattern, &json!({"c": value})),
                "{pattern} {value}"
            );
        }
        assert!(!matches("c", &pattern, &json!({"C": "acme"})), "{pattern}");
    }
}

#[test]
fn a_number_of_more_than_64_bits_is_compared_to_its_last_digit() {
    let deny = json!([{"name": "d", "claims": {"n": "18446744073709551617"}}]);
    let allow = json!([{"name": "a", "claims": {"n": "18446744073709551616"}}]);
    for (literal, outcome) in [
        ("18446744073709551616", Ok(())),
        ("18446744073709551617", Err("rule-denied")),
        ("18446744073709551618", Err("rule-not-allowed")),
    ] {
        let payload = format!(r#"{{"n":{literal}}}"#);
        let members: serde_json::Map<String, Value> = serde_json::from_str(&payload).unwrap();
        let digits = std::collections::BTreeMap::from([("n".to_owned(), literal.to_owned())]);
        let claims = Claims::new(members).with_numbers(digits);
        let checked = rules(allow.clone(), deny.clone()).check(&claims);
        assert_eq!(
            checked.map_err(|refusal| refusal.code()),
            outcome,
            "{literal}"
        );
    }
}

#[test]
fn a_member_of_a_claim_is_named_by_a_pointer() {
    let claims = json!({
        "kubernetes.io": {"namespace": "builds", "a/b": {"~c": ["x"]}},
        "kubernetes.io/namespace": "other",
    });
    assert!(matches(
        "/kubernetes.io/namespace",
        &json!("builds"),
        &claims
    ));
    assert!(matches("kubernetes.io/namespace", &json!("other"), &claims));
    assert!(matches("/kubernetes.io/a~1b/~0c", &json!("x"), &claims));
    for missing in [
        "/kubernetes.io",
        "/kubernetes.io/namespace/x",
        "/x",
        "/kubernetes.io/a~1b/~0c/0",
    ] {
        assert!(!matches(missing, &json!("builds"), &claims), "{missing}");
    }
}

#[test]
fn all_claims_of_one_rule_must_match_and_deny_comes_first() {
    let rules = rules(
        json!([
            {"name": "main", "claims": {"owner": "acme", "ref": "main"}},
            {"name": "tags", "claims": {"owner": "acme", "ref": {"glob": "v*"}}},
        ]),
        json!([{"name": "no forks", "claims": {"fork": true}}]),
    );
    let outcome = |claims: Value| {
        let claims = Claims::new(claims.as_object().unwrap().clone());
        rules.check(&claims).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(outcome(json!({"owner": "acme", "ref": "v1"})), Ok(()));
    assert_eq!(
        outcome(json!({"owner": "acme", "ref": "x"})).unwrap_err(),
        "the token is accepted by none of the allow rules: \"main\", \"tags\""
    );
    assert!(outcome(json!({"owner": "evil", "ref": "main"})).is_err());
    for claims in [
        json!({"owner": "acme", "ref": "main", "fork": true}),
        json!({"fork": "true"}),
    ] {
        let said = outcome(claims).unwrap_err();
        assert_eq!(said, "the token is refused by the deny rule \"no forks\"");
    }
}

#[test]
fn rules_that_were_not_meant_are_refused() {
    let error = |rules: Value| {
        serde_json::from_value::<RuleList>(rules)
            .unwrap_err()
            .to_string()
    };
    let claims = |claims: Value| error(json!([{"name": "r", "claims": claims}]));
    for (said, part) in [
        (error(json!([])), "at least one rule"),
        (error(Value::Null), "at least one rule"),
        (error(json!({"name": "r"})), "lists of at least one rule"),
        (error(json!(["r"])), "rule 1 is not a mapping"),
        (
            error(json!([{"claims": {"a": "b"}}])),
            "rule 1 has no `name`",
        ),
        (
            error(json!([{"name": "a\nb", "claims": {"a": "b"}}])),
            "has no `name`",
        ),
        (error(json!([{"name": "r"}])), "match every token"),
        (
            error(json!([{"name": "r", "claim": {"a": "b"}}])),
            "did you mean `claims`?",
        ),
        (claims(json!({})), "match every token"),
        (claims(json!({"": "b"})), "name is not empty"),
        (claims(json!({"/a//b": "b"})), "JSON pointer"),
        (claims(json!({"/a~b": "b"})), "JSON pointer"),
        (claims(json!({"a": null})), "a value is"),
        (claims(json!({"a": []})), "matches nothing"),
        (claims(json!({"a": [["b"]]})), "a value is"),
        (claims(json!({"a": "refs/*"})), "{glob: …}"),
        (
            claims(json!({"a": {"globb": "refs/*"}})),
            "did you mean `glob`?",
        ),
        (
            claims(json!({"a": {"glob": "[ab]"}})),
            "`?`, `*` and `**` only",
        ),
        (
            claims(json!({"a": {"glob": "a", "equal": "a"}})),
            "a value is",
        ),
        (
            claims(json!({"a": {"any-of": ["a"], "glob": "a"}})),
            "a value is",
        ),
        (claims(json!({"a": {}})), "a value is"),
        (
            claims(json!({"a": 18_446_744_073_709_551_616.0})),
            "in quotation marks",
        ),
        (claims(json!({"a": {"equal": 1e300}})), "in quotation marks"),
    ] {
        assert!(said.contains(part), "{said}");
    }
    let one: RuleList = serde_json::from_value(json!([{"name": "r", "claims": {"a": 1}}])).unwrap();
    assert_eq!(Rules::new(one.clone(), one).unwrap_err(), "r");
}
