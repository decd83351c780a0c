//! The JSON schema of `chancery.yaml`, which editors and CI jobs check it with.

use std::path::PathBuf;

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::Config;

const EXAMPLE: &str = include_str!("../../../../config/chancery.example.yaml");

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config/chancery.schema.json")
}

/// Draws the schema up from the types.
fn current() -> String {
    let schema = schemars::schema_for!(Config);
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

fn faults(document: &str) -> Option<String> {
    let tree: Value = yaml_serde::from_str(document).unwrap();
    let mut compiler = Compiler::new();
    let schema = serde_json::from_str(&current()).unwrap();
    compiler.add_resource("chancery.json", schema).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("chancery.json", &mut schemas).unwrap();
    let valid = schemas.validate(&tree, index);
    valid.err().map(|fault| format!("{fault:#}"))
}

#[test]
fn the_schema_that_is_shipped_is_current() {
    let shipped = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(
        shipped == current(),
        "config/chancery.schema.json is not what the types say; write it anew with \
         `cargo test -p chancery --bin chancery -- --ignored write_the_schema`"
    );
}

#[test]
#[ignore = "writes config/chancery.schema.json"]
fn write_the_schema() {
    std::fs::write(path(), current()).unwrap();
}

#[test]
fn the_annotated_example_fits_the_schema() {
    assert_eq!(faults(EXAMPLE), None);
}

#[test]
fn a_misspelt_key_does_not_fit_the_schema() {
    let faults = faults(&EXAMPLE.replace("admin-listen:", "admin-lisen:"));
    assert!(faults.unwrap().contains("admin-lisen"));
}
