//! RSA keys that anybody can break, told by their public half.
//!
//! The rules are those of boulder's `goodkey`, which Fulcio applies, without its holes: its search
//! for close factors begins just beyond a perfect square, and it takes a prime, or a power of one,
//! for a modulus.

use std::num::NonZero;
use std::sync::LazyLock;

use chancery_keys::{PublicKey, roca};
use num_bigint::BigUint;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Primes below this are looked for as factors.
const SMALL: u32 = 752;

static SMALL_PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let is_prime = |n: &u32| (2..*n).all(|divisor| !n.is_multiple_of(divisor));
    (2..SMALL).filter(is_prime).collect()
});

/// How far Fermat's method looks for two factors that are close to each other.
const FERMAT_ROUNDS: u32 = 100;

/// Says why an RSA key is refused, or nothing. Keys of other kinds have nothing to say.
///
/// The size comes first: nothing is calculated with a number of another length.
pub(crate) fn weakness(key: &PublicKey) -> Option<String> {
    let bits = key.rsa_modulus_bits()?;
    if !matches!(bits, 2048 | 3072 | 4096) {
        return Some(refused_length(bits));
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

/// Says why a modulus of so many bits is refused.
pub(crate) fn refused_length(bits: usize) -> String {
    format!("an RSA key must have 2048, 3072 or 4096 bits, not {bits}")
}

/// The cheap looks come first.
fn factors_easily(modulus: &BigUint) -> Option<&'static str> {
    if SMALL_PRIMES
        .iter()
        .any(|prime| residue(modulus, *prime) == 0)
    {
        return Some("has a small factor");
    }
    if roca::is_fingerprinted(&modulus.to_bytes_be()) {
        return Some("was made by a library with a known flaw (ROCA, CVE-2017-15361)");
    }
    has_close_factors(modulus).then_some("has factors that are too close to each other")
}

fn residue(n: &BigUint, modulus: u32) -> u32 {
    (n % modulus).try_into().unwrap_or_default()
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

/// Says why an RSA key is refused whose modulus is a prime or a power of one, or nothing.
///
/// This takes a hundred times as long as all the rest, 5 to 40 ms by size, so it comes last and out
/// of the way of other requests.
///
/// # Errors
/// Too many keys wait for it already.
pub(crate) async fn primality(key: &PublicKey) -> Result<Option<&'static str>, Busy> {
    let Some(modulus) = key.rsa_modulus().map(BigUint::from_bytes_be) else {
        return Ok(None);
    };
    let turn = QUEUE.turn().await?;
    let aside = tokio::task::spawn_blocking(move || {
        let found = is_prime_power(&modulus);
        drop(turn);
        found
    });
    // It ends early only if the runtime does, and the request with it.
    let found = aside.await.unwrap_or(true);
    Ok(found.then_some("the RSA modulus is a prime or a power of one; make a new key"))
}

/// More keys wait than are worth waiting for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Busy;

/// Keys that wait for a processor, in the order in which they came.
struct Queue {
    places: Semaphore,
    turns: Semaphore,
}

/// Half of the processors look for primes; the others are for requests that need none.
static QUEUE: LazyLock<Queue> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    Queue::new((processors / 2).max(1))
});

/// How many keys may wait for each processor. The last of them waits up to 5 s.
const WAITING: usize = 128;

impl Queue {
    const fn new(turns: usize) -> Self {
        Self {
            places: Semaphore::const_new(turns * (1 + WAITING)),
            turns: Semaphore::const_new(turns),
        }
    }

    /// Waits for a turn, which ends when what is returned is dropped.
    async fn turn(&self) -> Result<[SemaphorePermit<'_>; 2], Busy> {
        let place = self.places.try_acquire().map_err(|_| Busy)?;
        let turn = self.turns.acquire().await.map_err(|_| Busy)?;
        Ok([turn, place])
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
mod tests;
