//! Dense vectors: of length one as they are made, a byte per dimension as the embedded store keeps them.
//!
//! Each block of [`BLOCK`] dimensions has a scale of its own, so that its largest part is 127: an error of at most 1/254 of
//! that part per dimension, which random signs average out. One scale for all would round what is small beside a single
//! large part: of the ten nearest among 10,000 it loses 1.6 %. A query stays as it is: only one side is rounded.

/// Dimensions of every vector here, whoever makes it.
pub const DIMENSIONS: usize = 1_536;
/// Dimensions that are rounded with one scale.
pub const BLOCK: usize = 64;
/// Scales of a vector.
pub const BLOCKS: usize = DIMENSIONS / BLOCK;

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
    scales: [f32; BLOCKS],
    parts: Box<[i8]>,
}

impl Bytes {
    /// Rounds.
    pub fn of(vector: &Dense) -> Self {
        let mut scales = [1.0; BLOCKS];
        let mut parts = Vec::with_capacity(DIMENSIONS);
        for (scale, block) in scales.iter_mut().zip(vector.0.chunks_exact(BLOCK)) {
            let largest = block.iter().fold(0.0_f32, |largest, part| largest.max(part.abs()));
            if largest > 0.0 {
                *scale = largest / 127.0;
            }
            #[expect(clippy::cast_possible_truncation, reason = "at most 127 by the choice of the scale")]
            parts.extend(block.iter().map(|part| (part / *scale).round() as i8));
        }
        Self { scales, parts: parts.into() }
    }

    /// From parts that were stored; `None` for another number of dimensions.
    pub fn of_parts(scales: [f32; BLOCKS], parts: Vec<i8>) -> Option<Self> {
        let all = parts.len() == DIMENSIONS && scales.iter().all(|scale| scale.is_finite());
        all.then(|| Self { scales, parts: parts.into() })
    }

    /// What is stored.
    pub fn parts(&self) -> (&[f32; BLOCKS], &[i8]) {
        (&self.scales, &self.parts)
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
        match &self.few {
            Some(few) => {
                let product =
                    |(at, part): &(usize, f32)| part * f32::from(stored.parts[*at]) * stored.scales[at / BLOCK];
                few.iter().map(product).sum()
            }
            None => {
                let blocks = self.whole.0.chunks_exact(BLOCK).zip(stored.parts.chunks_exact(BLOCK));
                blocks.zip(&stored.scales).map(|((query, parts), scale)| whole(query, parts) * scale).sum()
            }
        }
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
            let (scales, parts) = stored.parts();
            prop_assert_eq!(Bytes::of_parts(*scales, parts.to_vec()), Some(stored.clone()));
            prop_assert!((Query::new(a.clone()).dot(&stored) - a.dot(&b)).abs() < 0.01);
        }
    }
}
