//! Dense vectors: of length one as they are made, a byte per dimension as the embedded store keeps them.
//!
//! A stored vector has a scale of its own, so that its largest part is 127: an error of at most 1/254 of that part per
//! dimension, which random signs average out. A query stays as it is: only one side is rounded.

/// Dimensions of every vector here, whoever makes it.
pub const DIMENSIONS: usize = 1_536;

/// A vector of [`DIMENSIONS`] parts, of length one; or all zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense(Box<[f32]>);

impl Dense {
    /// Checks and scales what somebody else made; `None` for another number of dimensions or a part that is no number.
    pub fn new(parts: &[f32]) -> Option<Self> {
        let parts: [f32; DIMENSIONS] = parts.try_into().ok()?;
        parts.iter().all(|part| part.is_finite()).then(|| Self::of(parts))
    }

    /// Scales finite parts to length one.
    pub(super) fn of(mut parts: [f32; DIMENSIONS]) -> Self {
        let length = parts.iter().map(|part| f64::from(*part).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "what is rounded here is below what is stored")]
            parts.iter_mut().for_each(|part| *part = (f64::from(*part) / length) as f32);
        }
        Self(Box::new(parts))
    }

    /// The parts.
    pub fn parts(&self) -> &[f32] {
        &self.0
    }

    /// The cosine, since both have length one.
    pub fn dot(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

/// A vector in a byte per dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Bytes {
    scale: f32,
    parts: Box<[i8]>,
}

impl Bytes {
    /// Rounds.
    pub fn of(vector: &Dense) -> Self {
        let largest = vector.0.iter().fold(0.0_f32, |largest, part| largest.max(part.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        #[expect(clippy::cast_possible_truncation, reason = "at most 127 by the choice of the scale")]
        let parts = vector.0.iter().map(|part| (part / scale).round() as i8).collect();
        Self { scale, parts }
    }

    /// From parts that were stored; `None` for another number of dimensions.
    pub fn of_parts(scale: f32, parts: Vec<i8>) -> Option<Self> {
        (parts.len() == DIMENSIONS && scale.is_finite()).then(|| Self { scale, parts: parts.into() })
    }

    /// What is stored.
    pub fn parts(&self) -> (f32, &[i8]) {
        (self.scale, &self.parts)
    }
}

/// A query, prepared for many dot products: where most dimensions are zero, only the others are looked at.
#[derive(Debug)]
pub struct Query {
    whole: Dense,
    few: Option<Vec<(usize, f32)>>,
}

impl Query {
    /// Prepares.
    pub fn new(vector: Dense) -> Self {
        let few: Vec<_> = vector.0.iter().copied().enumerate().filter(|(_, part)| *part != 0.0).collect();
        // Below a quarter, picking out is faster than going through.
        let few = (few.len() < DIMENSIONS / 4).then_some(few);
        Self { whole: vector, few }
    }

    /// The vector.
    pub fn vector(&self) -> &Dense {
        &self.whole
    }

    /// The dot product.
    pub fn dot(&self, stored: &Bytes) -> f32 {
        let sum: f32 = match &self.few {
            Some(few) => few.iter().map(|(at, part)| part * f32::from(stored.parts[*at])).sum(),
            None => whole(&self.whole.0, &stored.parts),
        };
        sum * stored.scale
    }
}

/// Sixteen sums side by side: what a compiler turns into vector instructions.
fn whole(query: &[f32], stored: &[i8]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (query, stored) in query.chunks_exact(16).zip(stored.chunks_exact(16)) {
        for lane in 0..16 {
            sums[lane] += query[lane] * f32::from(stored[lane]);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn vectors_are_scaled_and_checked() {
        assert!(Dense::new(&[0.0; 3]).is_none());
        assert!(Dense::new(&[f32::NAN; DIMENSIONS]).is_none());
        let one = Dense::of([2.0; DIMENSIONS]);
        assert!((one.dot(&one) - 1.0).abs() < 1e-4);
        let nothing = Dense::of([0.0; DIMENSIONS]);
        assert!(Query::new(nothing.clone()).dot(&Bytes::of(&nothing)).abs() < f32::EPSILON);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn rounding_changes_little(
            a in prop::collection::vec(-1.0_f32..1.0, DIMENSIONS),
            b in prop::collection::vec(-1.0_f32..1.0, DIMENSIONS),
            every in 1_usize..40,
        ) {
            let thin: Vec<_> = a.into_iter().enumerate().map(|(n, p)| if n % every == 0 { p } else { 0.0 }).collect();
            let (a, b) = (Dense::new(&thin).unwrap(), Dense::new(&b).unwrap());
            let stored = Bytes::of(&b);
            let (scale, parts) = stored.parts();
            prop_assert_eq!(Bytes::of_parts(scale, parts.to_vec()), Some(stored.clone()));
            prop_assert!((Query::new(a.clone()).dot(&stored) - a.dot(&b)).abs() < 0.01);
        }
    }
}
