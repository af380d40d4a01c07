//! The provider's answer in our shapes: pixels of the shown image.

use super::wire::{self, Poly};
use super::{
    Analysis, BoundingBox, CropHint, DominantColor, Emotions, Face, Feature, Features, Label, Landmark, Object,
    Position, text,
};
use crate::ai::image::{Orientation, Size};

/// Where the provider's points are in what is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub stored: Size,
    pub orientation: Orientation,
}

impl Frame {
    /// The rectangle around a polygon, turned and within the image; all zeros for a polygon without points.
    pub(super) fn bounds(self, poly: &Poly) -> BoundingBox {
        let (width, height) = (f64::from(self.stored.width), f64::from(self.stored.height));
        let shares = poly.normalized_vertices.iter().map(|at| (at.x * width, at.y * height));
        let pixels = poly.vertices.iter().map(|at| (at.x, at.y));
        let shown = self.orientation.turn_size(self.stored);
        let mut bounds: Option<(u32, u32, u32, u32)> = None;
        for point in pixels.chain(shares) {
            let (x, y) = self.orientation.turn(point, self.stored);
            let (x, y) = (pixel(x, shown.width), pixel(y, shown.height));
            bounds = Some(bounds.map_or((x, y, x, y), |(left, top, right, bottom)| {
                (left.min(x), top.min(y), right.max(x), bottom.max(y))
            }));
        }
        let (left, top, right, bottom) = bounds.unwrap_or_default();
        BoundingBox { left, top, width: right - left, height: bottom - top }
    }

    fn point(self, Position { x, y, z }: Position) -> Position {
        let (x, y) = self.orientation.turn((x, y), self.stored);
        Position { x, y, z }
    }
}

/// The nearest whole pixel from 0 to `most`.
fn pixel(at: f64, most: u32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and a u32; NaN is 0"
    )]
    let whole = at.round().clamp(0.0, f64::from(most)) as u32;
    whole
}

/// What was asked for: nothing found is an empty list, not an absent one.
pub(super) fn analysis(response: wire::Response, features: &Features, frame: Frame) -> Analysis {
    let wire::Response {
        face_annotations,
        localized_object_annotations,
        label_annotations,
        text_annotations,
        full_text_annotation,
        safe_search_annotation,
        image_properties_annotation,
        crop_hints_annotation,
        error: _,
    } = response;
    let asked = |feature| features.iter().any(|one| one == feature);
    let mut analysis = Analysis::default();
    if asked(Feature::Faces) {
        analysis.faces = Some(face_annotations.into_iter().map(|found| face(found, frame)).collect());
    }
    if asked(Feature::Objects) {
        let object = |wire::Object { name, score, bounding_poly }| Object {
            name,
            confidence: score,
            bounding_box: frame.bounds(&bounding_poly),
        };
        analysis.objects = Some(localized_object_annotations.into_iter().map(object).collect());
    }
    if asked(Feature::Text) {
        analysis.text = Some(text::text(full_text_annotation, &text_annotations, frame));
    }
    if asked(Feature::Labels) {
        let label = |wire::Entity { description, score, locale: _ }| Label { description, score };
        analysis.labels = Some(label_annotations.into_iter().map(label).collect());
    }
    if asked(Feature::SafeSearch) {
        analysis.safe_search = Some(safe_search_annotation.unwrap_or_default());
    }
    if asked(Feature::Colors) {
        let color = |wire::ColorInfo { color, score, pixel_fraction }| DominantColor { color, score, pixel_fraction };
        let colors = image_properties_annotation.unwrap_or_default().dominant_colors.colors;
        analysis.colors = Some(colors.into_iter().map(color).collect());
    }
    if asked(Feature::CropHints) {
        let hint = |wire::CropHint { bounding_poly, confidence, importance_fraction }| CropHint {
            bounding_box: frame.bounds(&bounding_poly),
            confidence,
            importance_fraction,
        };
        analysis.crop_hints =
            Some(crop_hints_annotation.unwrap_or_default().crop_hints.into_iter().map(hint).collect());
    }
    analysis
}

fn face(found: wire::Face, frame: Frame) -> Face {
    let wire::Face {
        bounding_poly,
        landmarks,
        detection_confidence,
        joy_likelihood,
        sorrow_likelihood,
        anger_likelihood,
        surprise_likelihood,
    } = found;
    let landmark = |wire::Landmark { r#type, position }| Landmark { r#type, position: frame.point(position.into()) };
    Face {
        bounding_box: frame.bounds(&bounding_poly),
        confidence: detection_confidence,
        emotions: Emotions {
            joy: joy_likelihood.score(),
            sorrow: sorrow_likelihood.score(),
            anger: anger_likelihood.score(),
            surprise: surprise_likelihood.score(),
        },
        landmarks: landmarks.into_iter().map(landmark).collect(),
    }
}
