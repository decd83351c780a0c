//! Which certificates a session signs under: one that verifies, for as long as it is valid, and then
//! another.

use std::collections::BTreeSet;

use chancery_certs::CertificateDetails;
use chancery_log::clock::FixedClock;
use chancery_trust::documents::{TrustedRoot, Window};

use super::instance::{Asked, Instance, LIFETIME, Time};
use super::*;

const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);

fn digests(count: u8) -> impl Iterator<Item = ArtifactDigest> {
    (0..count).map(|number| ArtifactDigest::of(&[number]))
}

async fn sign(session: &SigningSession) -> Signature {
    session.sign(ArtifactDigest::of(b"a")).await.unwrap()
}

#[tokio::test]
async fn a_certificate_serves_until_it_is_nearly_over_and_then_one_with_another_key_is_had() {
    let instance = Instance::serve().await;
    let session = instance.session(instance.services(), HOUR);
    let signed: Vec<_> = session.sign_all(digests(8), 8).collect().await;
    let first = sign(&session).await;
    for (_, signature) in signed {
        assert_eq!(
            signature.unwrap().certificate().der(),
            first.certificate().der()
        );
    }
    instance.pass(LIFETIME / 2);
    let still = sign(&session).await;
    assert_eq!(still.certificate().der(), first.certificate().der());
    assert_eq!(instance.asked(Asked::Certificate), 1);

    // Valid for some seconds still, in which a signature might not be stamped.
    instance.pass(LIFETIME / 3);
    let signed: Vec<_> = session.sign_all(digests(8), 8).collect().await;
    let second = sign(&session).await;
    for (_, signature) in signed {
        assert_eq!(
            signature.unwrap().certificate().der(),
            second.certificate().der()
        );
    }
    assert_eq!(instance.asked(Asked::Certificate), 2);
    assert_eq!(session.certificates().await, 2);
    let key = |signature: &Signature| {
        let der = signature.certificate().der();
        CertificateDetails::from_der(der).unwrap().spki_der
    };
    assert_ne!(key(&first), key(&second));
}

#[tokio::test]
async fn a_token_that_ended_ends_the_session_with_its_certificate() {
    let instance = Instance::serve().await;
    let session = instance.session(instance.services(), 10 * SECOND);
    sign(&session).await;
    instance.pass(20 * SECOND);
    sign(&session).await;
    instance.pass(LIFETIME);
    for (_, signed) in session.sign_all(digests(4), 4).collect::<Vec<_>>().await {
        let error = signed.unwrap_err();
        assert!(matches!(error, SignError::TokenExpired { .. }), "{error}");
    }
    assert_eq!(instance.asked(Asked::Certificate), 1);
}

#[tokio::test]
async fn what_was_stamped_too_late_is_signed_anew_under_another_certificate() {
    let instance = Instance::serve().await;
    let session = instance.session(instance.services(), HOUR);
    let first = session.certificate().await.unwrap();
    instance.stamp([Time::After(2 * LIFETIME)]);
    let signature = sign(&session).await;
    assert_ne!(signature.certificate().der(), first.der());
    assert_eq!(instance.asked(Asked::Certificate), 2);
    assert_eq!(instance.asked(Asked::Timestamp), 2);

    // Not for ever, and not with a token that ended.
    instance.stamp([Time::After(2 * LIFETIME); 3]);
    let error = refusal(&session).await;
    assert!(matches!(error, SignError::Untimely { .. }), "{error}");
    let asked = instance.asked(Asked::Certificate);
    instance.stamp([Time::After(HOUR)]);
    let error = refusal(&session).await;
    assert!(matches!(error, SignError::TokenExpired { .. }), "{error}");
    assert_eq!(instance.asked(Asked::Certificate), asked + 1);
}

#[tokio::test]
async fn a_certificate_that_was_over_by_the_clock_that_stamps_is_used_no_more() {
    let instance = Instance::serve().await;
    let mut session = instance.session(instance.services(), HOUR);
    // By this machine's clock, which stands still, it is valid all the time.
    let here = Instance::beginning() + 15 * SECOND;
    session.clock = Arc::new(FixedClock::at(here));
    instance.stamp([Time::After(LIFETIME + 10 * SECOND)]);
    let signed: Vec<_> = session.sign_all(digests(4), 4).collect().await;
    let serials = signed.into_iter().map(|(_, signature)| signature.unwrap());
    let serials: BTreeSet<_> = serials.map(|one| one.certificate().serial()).collect();
    assert_eq!(serials.len(), 1);
    assert_eq!(instance.asked(Asked::Certificate), 2);
}

#[tokio::test]
async fn a_clock_that_is_a_little_behind_is_waited_for_and_one_that_is_far_off_is_not() {
    let instance = Instance::serve().await;
    let session = instance.session(instance.services(), HOUR);
    session.certificate().await.unwrap();
    instance.stamp([Time::Behind(20 * SECOND)]);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let signature = sign(&session).await;
    assert_eq!(begun.elapsed().as_secs(), 20);
    tokio::time::resume();
    assert_eq!(signature.timestamps().len(), 1);
    assert_eq!(instance.asked(Asked::Certificate), 1);

    let instance = Instance::serve().await;
    let session = instance.session(instance.services(), HOUR);
    instance.stamp([Time::Behind(61 * SECOND)]);
    let error = refusal(&session).await;
    assert!(matches!(error, SignError::Untrusted { .. }), "{error}");
    assert_eq!(instance.asked(Asked::Timestamp), 1);
}

/// Asserts that a session that trusts this signs nothing, and why.
async fn is_refused(instance: &Instance, trusted: TrustedRoot, why: &str) {
    // With a ledger and without timestamps: then no bundle is verified at the end.
    let services = SigningServices {
        ledgers: vec![instance.url.clone()],
        timestamps: Vec::new(),
        ..instance.services()
    };
    let before = instance.asked(Asked::Certificate);
    let session = instance.session_that_trusts(trusted, services, HOUR);
    for _ in 0..2 {
        let error = refusal(&session).await;
        let of_authority = matches!(
            error,
            SignError::Untrusted {
                service: Service::Authority,
                ..
            }
        );
        assert!(of_authority && error.to_string().contains(why), "{error}");
    }
    assert_eq!(instance.asked(Asked::Certificate), before + 1);
    assert_eq!(instance.asked(Asked::Entry), 0);
}

#[tokio::test]
async fn nothing_is_signed_under_a_certificate_that_does_not_verify() {
    let instance = Instance::serve().await;
    let other = Instance::serve().await;
    let good = instance.trusted_root();
    let mut trusted = good.clone();
    trusted.certificate_authorities = other.trusted_root().certificate_authorities;
    is_refused(&instance, trusted, "its certificate does not verify").await;

    let mut trusted = good.clone();
    trusted.ctlogs = other.trusted_root().ctlogs;
    is_refused(&instance, trusted, "which is not trusted").await;

    // It counts no more, or not yet.
    let mut trusted = good.clone();
    let before = Instance::beginning() - HOUR;
    let window = Window::between(before, Some(before + SECOND));
    trusted.certificate_authorities[0].valid_for = Some(window);
    is_refused(&instance, trusted, "does not count at").await;

    let without_timestamps = SigningServices {
        timestamps: Vec::new(),
        ..instance.services()
    };
    sign(&instance.session(without_timestamps, HOUR)).await;
}

#[tokio::test]
async fn a_certificate_that_begins_later_is_taken_where_the_clocks_are_a_little_apart() {
    let instance = Instance::serve().await;
    let services = || SigningServices {
        timestamps: Vec::new(),
        ..instance.services()
    };
    for (behind, taken) in [(59, true), (62, false)] {
        let mut session = instance.session(services(), HOUR);
        let here = Instance::beginning() - behind * SECOND;
        session.clock = Arc::new(FixedClock::at(here));
        assert_eq!(session.certificate().await.is_ok(), taken, "{behind}");
    }
}
