//! Browsers: what pages of other origins may do.

use chancery_server::CorsPolicy;
use reqwest::Method;

use crate::service::{Answer, Service, Setup};

const PAGE: &str = "https://page.example";
const PATH: &str = "/api/v2/signingCert";

async fn start(cors: CorsPolicy) -> Service {
    let setup = Setup {
        cors,
        ..Setup::default()
    };
    Service::start_with(setup).await
}

async fn preflight(service: &Service, path: &str, origin: &str) -> Answer {
    let request = service
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    Answer::of(request).await
}

async fn post(service: &Service, origin: &str) -> Answer {
    let request = service.request(Method::POST, PATH);
    Answer::of(request.header("origin", origin)).await
}

#[tokio::test]
async fn a_page_of_any_origin_may_ask_with_a_token_in_the_header() {
    let service = Service::start().await;
    let answer = preflight(&service, PATH, PAGE).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,POST");
    let headers = answer.header("access-control-allow-headers");
    assert!(headers.contains("authorization") && headers.contains("content-type"));
    assert_eq!(answer.header("access-control-max-age"), "3600");
    let answer = post(&service, PAGE).await;
    answer.error(400, 3);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("x-request-id"), "{exposed}");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn options_without_a_browsers_question_is_a_wrong_method() {
    let service = Service::start().await;
    let request = service.request(Method::OPTIONS, PATH);
    let answer = Answer::of(request.header("origin", PAGE)).await;
    assert_eq!(answer.error(501, 12), "Method Not Allowed");
}

#[tokio::test]
async fn no_page_may_ask_the_development_identity_provider() {
    let service = Service::start().await;
    let answer = preflight(&service, "/dev-oidc/token", PAGE).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let request = service.request(Method::POST, "/dev-oidc/token");
    let answer = Answer::of(request.header("origin", PAGE)).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn pages_of_other_origins_than_the_named_are_not_let_in() {
    let named = ["https://one.example", "https://two.example"];
    let service = start(CorsPolicy::parse(&named).unwrap()).await;
    for origin in named {
        let answer = preflight(&service, PATH, origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(answer.header("vary").contains("origin"));
        let answer = post(&service, origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
    }
    for answer in [
        preflight(&service, PATH, PAGE).await,
        post(&service, PAGE).await,
    ] {
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn without_a_policy_nothing_is_said() {
    let service = start(CorsPolicy::Off).await;
    assert_eq!(preflight(&service, PATH, PAGE).await.status, 501);
    let answer = post(&service, PAGE).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("vary"), "");
}
