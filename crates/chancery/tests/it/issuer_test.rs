//! `chancery issuer test`: what an operator learns of an issuer before configuring it.

use chancery_tests::issuer::Issuer;
use serde_json::Value;

use crate::harness::{assert_refused, chancery};

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_tested_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::start().await.unwrap();
    let url = format!("{}/one", issuer.url());
    let test = |more: &[&str]| {
        let arguments = [&["issuer", "test", &url], more].concat();
        chancery(folder.path(), &arguments)
    };
    assert_refused(&test(&[]), 2, &["https", "--allow-http"]);

    let output = test(&["--allow-http"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for words in ["ok", " ms", "rs256", "Usable", "warning  hint"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let output = test(&["--allow-http", "--format", "json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["usable"], true);
    assert!(found["keys"].as_array().unwrap().len() > 1);

    drop(issuer);
    let output = test(&["--allow-http"]);
    assert_refused(&output, 4, &[&url]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("FAILED"));
}

#[test]
fn a_proxys_password_is_no_argument() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = "http://u:hunter2@127.0.0.1:1";
    let arguments = ["issuer", "test", "https://a.example.org", "--proxy", proxy];
    let output = chancery(folder.path(), &arguments);
    assert_refused(&output, 2, &["CHANCERY_PROXY"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
}
