//! Where this crate stops and Go does not, what its refusals say, and that it always answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chancery_template::{
    MAX_DEPTH, MAX_OUTPUT, MAX_SOURCE, ParseError, Position, RenderError, Template,
};
use proptest::prelude::*;

fn claims() -> BTreeMap<String, String> {
    [
        ("ref", "main"),
        ("n", "7"),
        ("uni", "é漢字😀"),
        ("empty", ""),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn parse_error(source: &str) -> ParseError {
    Template::parse(source).unwrap_err()
}

fn render(source: &str) -> Result<String, RenderError> {
    Template::parse(source).unwrap().render(&claims())
}

fn is_too_much(result: &Result<String, RenderError>) -> bool {
    matches!(result, Err(RenderError::TooMuch { .. }))
}

#[test]
fn a_missing_claim_is_named_with_its_place() {
    let error = render("{{ .ref }}\n  {{ .sha }}").unwrap_err();
    let at = Position { line: 2, column: 6 };
    let key = "sha".to_owned();
    assert_eq!(error, RenderError::MissingKey { at, key });
    assert_eq!(
        error.to_string(),
        "line 2, column 6: there is no claim \"sha\", nor a default for it"
    );
}

#[test]
fn a_claim_is_not_called_missing_where_no_claims_were_passed_on() {
    let error = render(r#"{{ define "t" }}{{ .ref }}{{ end }}{{ template "t" }}"#).unwrap_err();
    assert!(matches!(error, RenderError::Type { .. }), "{error}");
    assert!(error.to_string().contains("template \"name\" ."), "{error}");
}

#[test]
fn refusals_tell_the_place_and_what_was_found() {
    for (source, message) in [
        (
            "{{ upper .ref }}",
            "line 1, column 4: there is no function \"upper\"; a claim is written {{ .upper }}, \
             and the functions are and, call, eq, ge, gt, html, index, js, le, len, lt, ne, not, \
             or, print, printf, println, slice, urlquery",
        ),
        (
            "{{ $x }}",
            "line 1, column 4: the variable $x is not declared; declare it with {{ $x := … }}",
        ),
        (
            "a\n{{ .ref",
            "line 2, column 1: the action that begins here is not closed",
        ),
        (
            "{{ if .ref }}x",
            "line 1, column 15: the template ends before {{ end }}",
        ),
        (
            "{{.a/b}}",
            "line 1, column 5: '/' cannot follow \".a\"; a claim with such a name is written \
             {{ index . \"…\" }}",
        ),
        (
            "{{ range . }}{{ else if .n }}{{ end }}",
            "line 1, column 22: unexpected \"if\" in {{ else }} of this block",
        ),
        ("{{ if }}x{{ end }}", "line 1, column 7: if without a value"),
    ] {
        assert_eq!(parse_error(source).to_string(), message);
    }
    for (source, message) in [
        (
            "{{ eq .n 7 }}",
            "line 1, column 4: eq: a string and an integer cannot be compared; nothing is \
             converted",
        ),
        (
            "{{ .ref.x }}",
            "line 1, column 4: a string has no field \"x\"",
        ),
        (
            "{{ template \"t\" }}",
            "line 1, column 4: the template \"t\" is not defined",
        ),
        (
            "{{ ne .n }}",
            "line 1, column 4: ne: wants 2 arguments and is given 1",
        ),
    ] {
        assert_eq!(render(source).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_is_not_done_is_refused_by_name() {
    for (source, what) in [
        ("{{ 1i }}", "the imaginary number 1i"),
        ("{{ 1+2i }}", "the imaginary number 1+2i"),
        ("{{ printf \"%s %-5p\" .ref . }}", "the verb 'p' of printf"),
    ] {
        match parse_error(source) {
            ParseError::Unsupported { what: found, .. } => assert_eq!(found, what),
            other => panic!("{other}"),
        }
    }
    assert!(Template::parse("{{ printf \"%%p\" }}").is_ok());
    let error = render("{{ printf (print \"%\" \"p\") .ref }}").unwrap_err();
    assert!(matches!(error, RenderError::Unsupported { .. }));
}

#[test]
fn a_result_that_cuts_a_character_is_refused() {
    assert_eq!(render("{{ slice .uni 0 1 }}"), Err(RenderError::NotUtf8));
    assert_eq!(
        render("{{ slice .uni 0 1 }}{{ slice .uni 1 }}").as_deref(),
        Ok("é漢字😀")
    );
}

#[test]
fn the_keys_of_a_template_are_told() {
    let source = "{{ .b }}{{ if index . \"x.y\" }}{{ $.a.c }}{{ end }}{{ index $ \"k\" .n }}\
                  {{ index . (print \"made\") }}{{ with .b }}{{ (.) }}{{ end }}";
    let template = Template::parse(source).unwrap();
    let keys: Vec<_> = template.keys().collect();
    assert_eq!(keys, ["a", "b", "k", "n", "x.y"]);
}

#[test]
fn a_source_that_is_too_long_is_refused() {
    assert!(Template::parse(&"x".repeat(MAX_SOURCE)).is_ok());
    let error = parse_error(&"x".repeat(MAX_SOURCE + 1));
    assert!(matches!(error, ParseError::TooLarge { .. }));
}

#[test]
fn nesting_ends_at_the_limit_and_fits_a_small_stack() {
    let deep = |levels: usize| {
        let blocks = levels / 2;
        let parentheses = levels - blocks;
        format!(
            "{}{{{{ {}1{} }}}}{}",
            "{{ if 1 }}".repeat(blocks),
            "(".repeat(parentheses),
            ")".repeat(parentheses),
            "{{ end }}".repeat(blocks)
        )
    };
    let on_small_stack = move || {
        assert_eq!(render(&deep(MAX_DEPTH)).as_deref(), Ok("1"));
        let error = parse_error(&deep(MAX_DEPTH + 1));
        assert!(matches!(error, ParseError::TooLarge { .. }));
        for recursive in [
            "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" . }}",
            "{{ template \"\" . }}",
            "{{ if 1 }}{{ with 1 }}{{ range 1 }}{{ template \"\" 1 }}{{ end }}{{ end }}{{ end }}",
            "{{ if (((and (or (print (not (1))))))) }}{{ template \"\" }}{{ end }}",
        ] {
            assert!(is_too_much(&render(recursive)), "{recursive}");
        }
        assert!(
            parse_error(&"{{ if 1 }}".repeat(6000))
                .to_string()
                .contains("deeper")
        );
        assert!(
            parse_error(&format!("{{{{ {}", "(".repeat(60_000)))
                .to_string()
                .contains("line")
        );
    };
    std::thread::Builder::new()
        .stack_size(768 << 10)
        .spawn(on_small_stack)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn a_long_chain_of_else_if_is_not_deep() {
    let chain = format!(
        "{{{{ if eq .n \"0\" }}}}{}{{{{ else }}}}last{{{{ end }}}}",
        "{{ else if eq .n \"0\" }}x".repeat(500)
    );
    assert_eq!(render(&chain).as_deref(), Ok("last"));
}

#[test]
fn work_and_text_are_bounded() {
    let begin = Instant::now();
    for source in [
        "{{ range 1000000000 }}{{ end }}",
        "{{ range 1000000000 }}x{{ end }}",
        "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
        "{{ $x := \"aaaaaaaa\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := printf \"%60000s\" \"<\" }}{{ range 9999 }}{{ $y := html $x }}{{ end }}",
        "{{ $x := printf \"%60000s\" \"<\" }}{{ range 9999 }}{{ $y := eq $x $x }}{{ end }}",
        "{{ $x := printf \"%60000s\" \"<\" }}{{ range 99999 }}{{ slice $x 1 }}{{ end }}",
        "{{ printf \"%1000000d\" 1 }}",
        "{{ printf \"%.1000000f\" 1.5 }}",
        "{{ printf \"%.1000000d\" 1 }}",
        "{{ printf \"%#.1000000x\" 1.5 }}",
        "{{ printf \"%.1000000U\" 1 }}",
        "{{ printf \"%*s\" 1000000 \"a\" }}",
        "{{ printf \"%9999999s\" . }}",
    ] {
        assert!(is_too_much(&render(source)), "{source}");
    }
    let many = "{{ $a := 1 }}".repeat(4000) + "{{ range 9999 }}{{ $y := $ }}{{ end }}";
    assert!(is_too_much(&render(&many)));
    assert!(begin.elapsed() < Duration::from_secs(5));
    let widest = render(&format!("{{{{ printf \"%{MAX_OUTPUT}d\" 1 }}}}")).unwrap();
    assert_eq!(widest.len(), MAX_OUTPUT);
    assert!(is_too_much(&render(&format!(
        "{{{{ printf \"%{MAX_OUTPUT}d\" 1 }}}}x"
    ))));
    for verb in [
        "064.65536d",
        ".65535f",
        ".65535e",
        ".65535g",
        ".65535x",
        "#.65535g",
        "65536.65536s",
    ] {
        let _ = render(&format!("{{{{ len (printf \"%{verb}\" 1.5 1) }}}}"));
    }
}

#[test]
fn a_claim_that_is_too_long_to_print_is_refused() {
    let mut claims = claims();
    claims.insert("ref".to_owned(), "x".repeat(MAX_OUTPUT + 1));
    let render = |source: &str| Template::parse(source).unwrap().render(&claims);
    assert!(is_too_much(&render("{{ .ref }}")));
    assert!(is_too_much(&render("{{ . }}")));
    assert!(is_too_much(&render("{{ html . }}")));
    assert_eq!(render("{{ len .ref }}").as_deref(), Ok("65537"));
}

/// Pieces that make templates that are often whole.
fn template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{",
        "}}",
        "{{- ",
        " -}}",
        ".ref",
        ".",
        "$",
        "$x",
        " := ",
        " = ",
        " | ",
        "(",
        ")",
        "\"a\"",
        "\"%5.2v%[2]*d\"",
        "`",
        "'a'",
        "1",
        "-1",
        "0x1p-3",
        "1e3",
        " if ",
        "else ",
        "end",
        "range ",
        "with ",
        "define \"t\"",
        "template \"t\" ",
        "block \"b\" ",
        "break",
        "nil",
        "true",
        "eq ",
        "printf ",
        "index ",
        "slice ",
        "len ",
        "and ",
        " ",
        "\n",
        "/*",
        "*/",
        ",",
        "é",
        "{{end}}",
        "{{if .n}}",
        "{{range .}}",
        "{{range 9}}",
        "{{template \"\" .}}",
        "{{$x := .}}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_answered(source in any::<String>()) {
        if let Ok(template) = Template::parse(&source) {
            let _ = template.render(&claims());
        }
    }

    #[test]
    fn any_template_is_answered(source in template(), name in ".*", value in ".*") {
        let mut claims = claims();
        claims.insert(name, value);
        if let Ok(template) = Template::parse(&source) {
            let _ = template.render(&claims);
        }
    }

    #[test]
    fn any_format_is_answered(format in "(%[-+# 0]{0,3}[0-9*]{0,3}(\\.[0-9*]{0,3})?(\\[[0-9]?\\]?)?.?){0,4}") {
        let source = format!("{{{{ printf {format:?} .uni 3 -1.5 true . nil }}}}");
        if let Ok(template) = Template::parse(&source) {
            let _ = template.render(&claims());
        }
    }

    #[test]
    fn text_without_actions_stays_as_it_is(text in "([^{]|\\{[^{])*") {
        let template = Template::parse(&text).unwrap();
        prop_assert_eq!(template.render(&claims()).unwrap(), text);
    }

    #[test]
    fn a_claim_is_given_as_it_is(value in ".*") {
        let claims = BTreeMap::from([("claim".to_owned(), value.clone())]);
        let template = Template::parse("{{ .claim }}").unwrap();
        prop_assert_eq!(template.render(&claims).unwrap(), value);
    }
}
