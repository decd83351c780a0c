//! Moduli that must be refused, made for it, and honest ones.

use std::sync::LazyLock;
use std::task::Poll;

use chancery_keys::{KeyType, LocalKey, Signer};

use super::*;

static HONEST: LazyLock<PublicKey> = LazyLock::new(|| {
    let key = LocalKey::generate(KeyType::Rsa2048).unwrap();
    key.public_key().clone()
});

fn about(bits: u64, add: u32) -> BigUint {
    (BigUint::from(3u32) << (bits - 2)) + add
}

/// 2^521 - 1 and 2^2203 - 1, for two, are prime.
fn mersenne(exponent: u32) -> BigUint {
    (BigUint::from(1u32) << exponent) - 1u32
}

#[tokio::test]
async fn honest_keys_are_not_weak() {
    assert_eq!(weakness(&HONEST), None);
    assert_eq!(primality(&HONEST).await, Ok(None));
    for key_type in [KeyType::P256, KeyType::Ed25519] {
        let key = LocalKey::generate(key_type).unwrap();
        assert_eq!(weakness(key.public_key()), None, "{key_type}");
        assert_eq!(primality(key.public_key()).await, Ok(None), "{key_type}");
    }
}

#[test]
fn a_small_factor_is_found() {
    for factor in [2u32, 3, 743, 751] {
        let modulus = about(2038, 1) * factor;
        assert_eq!(factors_easily(&modulus), Some("has a small factor"));
    }
    assert_eq!(SMALL_PRIMES.last(), Some(&751));
}

#[test]
fn a_square_and_close_factors_are_found() {
    let p = about(1024, 331);
    assert!(has_close_factors(&(&p * &p)));
    assert!(has_close_factors(&(&p * (&p + 64u32))));
    // Found in the last round, and just not.
    let root = &p << 20u32;
    let apart = |rounds: u32| {
        let b = (&root * 2u32 * rounds).sqrt();
        (&root - &b) * (&root + b)
    };
    assert!(has_close_factors(&apart(98)));
    assert!(!has_close_factors(&apart(102)));
    let far: BigUint = &p + (BigUint::from(1u32) << 800);
    assert!(!has_close_factors(&(&p * far)));
}

#[test]
fn squares_are_told_from_others() {
    for root in (0..2_000).chain([65_537, u32::MAX]) {
        let square = BigUint::from(root) * root;
        assert!(is_square(&square), "{root}");
        assert!(root < 2 || !is_square(&(square + 1u32)), "{root}");
    }
}

#[test]
fn a_prime_and_its_powers_are_found() {
    for exponent in 1..6 {
        assert!(is_prime_power(&mersenne(521).pow(exponent)), "{exponent}");
    }
    assert!(is_prime_power(&mersenne(2203)));
    // Two primes of which no Mersenne number is: 2^255 - 19 and the order of P-256.
    let p = (BigUint::from(1u32) << 255) - 19u32;
    let q = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let q = BigUint::parse_bytes(q.as_bytes(), 16).unwrap();
    assert!(is_prime_power(&p) && is_prime_power(&q));
    assert!(!is_prime_power(&(p * q)));
}

#[test]
fn a_modulus_of_the_flawed_library_is_found() {
    // A power of 65537 is one modulo each prime.
    let modulus = BigUint::from(65_537u32).pow(127);
    assert_eq!(
        factors_easily(&modulus),
        Some("was made by a library with a known flaw (ROCA, CVE-2017-15361)")
    );
}

#[tokio::test]
async fn keys_take_turns_and_those_beyond_the_queue_are_turned_away() {
    let queue = Queue::new(1);
    let first = queue.turn().await.unwrap();
    let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(queue.turn())).collect();
    for one in &mut waiting {
        let waits = std::future::poll_fn(|context| Poll::Ready(one.as_mut().poll(context)));
        assert!(waits.await.is_pending());
    }
    assert_eq!(queue.turn().await.err(), Some(Busy));
    drop(first);
    let second = waiting.remove(0).await.unwrap();
    assert_eq!(queue.turns.available_permits(), 0);
    drop((second, waiting));
    assert_eq!(queue.places.available_permits(), 1 + WAITING);
}
