//! RSA keys that anybody can break, told by their public half.
//!
//! The rules are those of boulder's `goodkey`, which Fulcio applies; here a perfect square is found
//! too, which boulder's search begins just beyond.

use chancery_keys::PublicKey;
use num_bigint::BigUint;

/// Primes up to this are looked for as factors.
const SMALL: u32 = 752;

/// How far Fermat's method looks for two factors that are close to each other.
const FERMAT_ROUNDS: u32 = 100;

/// Primes modulo which 65537 generates a proper subgroup: a key of the Infineon library that made
/// CVE-2017-15361 (ROCA) is in all of those subgroups, another with a probability of about 2^-27.
const ROCA_PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Says why an RSA key is refused, or nothing. Keys of other kinds have nothing to say.
pub(crate) fn weakness(key: &PublicKey) -> Option<String> {
    let bits = key.rsa_modulus_bits()?;
    if !matches!(bits, 2048 | 3072 | 4096) {
        return Some(format!(
            "an RSA key must have 2048, 3072 or 4096 bits, not {bits}"
        ));
    }
    let exponent = key.rsa_exponent()?;
    if exponent != 65_537 {
        return Some(format!(
            "an RSA key must have the exponent 65537, not {exponent}"
        ));
    }
    let modulus = BigUint::from_bytes_be(key.rsa_modulus()?);
    factors_easily(&modulus).map(|how| format!("the RSA modulus {how}; make a new key"))
}

fn factors_easily(modulus: &BigUint) -> Option<&'static str> {
    let is_prime = |n: u32| {
        (2..n)
            .take_while(|d| d * d <= n)
            .all(|d| !n.is_multiple_of(d))
    };
    let divides = |prime: u32| (modulus % prime) == BigUint::ZERO;
    if (2..SMALL).filter(|n| is_prime(*n)).any(divides) {
        return Some("has a small factor");
    }
    if ROCA_PRIMES
        .iter()
        .all(|prime| is_power_of_65537(modulus, *prime))
    {
        return Some("was made by a library with a known flaw (ROCA, CVE-2017-15361)");
    }
    has_close_factors(modulus).then_some("has factors that are too close to each other")
}

fn is_power_of_65537(modulus: &BigUint, prime: u32) -> bool {
    let residue = modulus % prime;
    let mut power = 1;
    (0..prime).any(|_| {
        power = power * 65_537 % prime;
        residue == BigUint::from(power)
    })
}

/// Fermat's method: looks for a² - n = b², from the square root upwards, itself included.
fn has_close_factors(modulus: &BigUint) -> bool {
    let mut a = modulus.sqrt();
    if &a * &a < *modulus {
        a += 1u32;
    }
    (0..FERMAT_ROUNDS).any(|_| {
        let rest = &a * &a - modulus;
        a += 1u32;
        is_square(&rest)
    })
}

fn is_square(n: &BigUint) -> bool {
    // Squares are 0, 1, 4 or 9 modulo 16: three in four numbers need no root.
    let low = n % 16u32;
    if ![0u32, 1, 4, 9]
        .into_iter()
        .any(|square| low == BigUint::from(square))
    {
        return false;
    }
    let root = n.sqrt();
    &root * &root == *n
}

#[cfg(test)]
mod tests {
    use chancery_keys::{KeyType, LocalKey, Signer};

    use super::*;

    fn about(bits: u64, add: u32) -> BigUint {
        (BigUint::from(3u32) << (bits - 2)) + add
    }

    #[test]
    fn honest_keys_are_not_weak() {
        for key_type in [
            KeyType::Rsa2048,
            KeyType::Rsa3072,
            KeyType::P256,
            KeyType::Ed25519,
        ] {
            let key = LocalKey::generate(key_type).unwrap();
            assert_eq!(weakness(key.public_key()), None, "{key_type}");
        }
    }

    #[test]
    fn a_small_factor_is_found() {
        let modulus = about(2038, 1) * 751u32;
        assert_eq!(factors_easily(&modulus), Some("has a small factor"));
    }

    #[test]
    fn a_square_and_close_factors_are_found() {
        let p = about(1024, 331);
        assert!(has_close_factors(&(&p * &p)));
        assert!(has_close_factors(&(&p * (&p + 64u32))));
        let far: BigUint = &p + (BigUint::from(1u32) << 800);
        assert!(!has_close_factors(&(&p * far)));
    }

    #[test]
    fn a_modulus_of_the_flawed_library_is_found() {
        // Both factors of such keys are powers of 65537 modulo the product of the first primes.
        let product: BigUint = ROCA_PRIMES
            .iter()
            .map(|prime| BigUint::from(*prime))
            .product();
        let power = |exponent: u32| BigUint::from(65_537u32).modpow(&exponent.into(), &product);
        let p = &product * about(500, 1) + power(77);
        let q = &product * about(510, 1) + power(1234);
        let modulus = p * q;
        assert!(
            ROCA_PRIMES
                .iter()
                .all(|prime| is_power_of_65537(&modulus, *prime))
        );
        assert!(
            !ROCA_PRIMES
                .iter()
                .all(|prime| is_power_of_65537(&(modulus.clone() + 2u32), *prime))
        );
    }
}
