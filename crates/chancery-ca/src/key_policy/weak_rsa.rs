//! RSA keys that anybody can break, told by their public half.
//!
//! The rules are those of boulder's `goodkey`, which Fulcio applies, without its holes: its search
//! for close factors begins just beyond a perfect square, and it takes a prime, or a power of one,
//! for a modulus.

use std::sync::LazyLock;

use chancery_keys::PublicKey;
use num_bigint::BigUint;

/// Primes below this are looked for as factors.
const SMALL: u32 = 752;

static SMALL_PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let is_prime = |n: &u32| (2..*n).all(|divisor| !n.is_multiple_of(divisor));
    (2..SMALL).filter(is_prime).collect()
});

/// How far Fermat's method looks for two factors that are close to each other.
const FERMAT_ROUNDS: u32 = 100;

/// Primes modulo which 65537 generates a proper subgroup: a key of the Infineon library that made
/// CVE-2017-15361 (ROCA) is in all of those subgroups, another with a probability of about 2^-27.
const ROCA_PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Says why an RSA key is refused, or nothing. Keys of other kinds have nothing to say.
///
/// The size comes first: nothing is calculated with a number of another length.
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

/// The cheap looks come first.
fn factors_easily(modulus: &BigUint) -> Option<&'static str> {
    if SMALL_PRIMES
        .iter()
        .any(|prime| residue(modulus, *prime) == 0)
    {
        return Some("has a small factor");
    }
    if ROCA_PRIMES
        .iter()
        .all(|prime| is_power_of_65537(modulus, *prime))
    {
        return Some("was made by a library with a known flaw (ROCA, CVE-2017-15361)");
    }
    if has_close_factors(modulus) {
        return Some("has factors that are too close to each other");
    }
    is_prime_power(modulus).then_some("is a prime or a power of one")
}

fn residue(n: &BigUint, modulus: u32) -> u32 {
    (n % modulus).try_into().unwrap_or_default()
}

fn is_power_of_65537(modulus: &BigUint, prime: u32) -> bool {
    let residue = residue(modulus, prime);
    let mut power = 1;
    (0..prime).any(|_| {
        power = power * 65_537 % prime;
        residue == power
    })
}

/// Fermat's method: looks for a² - n = b², from the square root upwards, itself included.
fn has_close_factors(modulus: &BigUint) -> bool {
    let mut a = modulus.sqrt();
    if &a * &a < *modulus {
        a += 1u32;
    }
    let mut rest = &a * &a - modulus;
    (0..FERMAT_ROUNDS).any(|_| {
        let found = is_square(&rest);
        // (a + 1)² = a² + 2a + 1
        rest += &a << 1u32;
        rest += 1u32;
        a += 1u32;
        found
    })
}

/// Most numbers need no root: one in a hundred leaves residues that squares can leave.
fn is_square(n: &BigUint) -> bool {
    const MODULI: [u32; 4] = [64, 63, 65, 11];
    let product = residue(n, MODULI.iter().product());
    let could_be = MODULI.iter().all(|modulus| {
        let residue = product % modulus;
        (0..*modulus).any(|root| root * root % modulus == residue)
    });
    could_be && {
        let root = n.sqrt();
        &root * &root == *n
    }
}

/// Tells whether n is a prime or a power of one, with certainty if it is.
///
/// Modulo a prime p, 2^p = 2, so 2^n = 2 for each power n of p, and p divides both n and 2^n - 2. If
/// n is the product of two primes that somebody chose at random, the two have no factor in common,
/// but for a probability beyond all bounds; and who finds one has factored n.
fn is_prime_power(n: &BigUint) -> bool {
    let two = BigUint::from(2u32);
    let power = two.modpow(n, n);
    let difference = (power + n - two) % n;
    difference == BigUint::ZERO || difference.modinv(n).is_none()
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
    fn a_prime_and_its_powers_are_found() {
        // 2^521 - 1 and 2^2203 - 1 are prime (Mersenne).
        let mersenne = |exponent: u32| (BigUint::from(1u32) << exponent) - 1u32;
        let p = mersenne(521);
        for exponent in 1..6 {
            assert!(is_prime_power(&p.pow(exponent)), "{exponent}");
        }
        assert!(is_prime_power(&mersenne(2203)));
        assert_eq!(
            factors_easily(&p.pow(5)),
            Some("is a prime or a power of one")
        );
        let key = LocalKey::generate(KeyType::Rsa2048).unwrap();
        let honest = BigUint::from_bytes_be(key.public_key().rsa_modulus().unwrap());
        assert!(!is_prime_power(&honest));
    }

    #[test]
    fn squares_are_told_from_others() {
        for root in [0u32, 1, 2, 3, 751, 65_537, u32::MAX] {
            let square = BigUint::from(root) * root;
            assert!(is_square(&square), "{root}");
            assert!(root < 2 || !is_square(&(square + 1u32)), "{root}");
        }
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
