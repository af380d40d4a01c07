//! A palette, counted here: for those who have no vision provider.
//!
//! PNG is read row by row, a large JPEG at an eighth of its size, so that no picture is ever held whole. A colour is a cell of 16
//! steps per channel; cells that touch a larger one are part of it. Deliberately absent: GIF and WebP, which would take two
//! more decoders; what a person would call dominant.

use super::{Format, Image};
use crate::ai::vision::{Color, DominantColor};

/// The most pixels of a picture that is counted.
const MOST: u64 = 25_000_000;
/// The most of a progressive JPEG, which is held whole in the form of its coefficients.
const MOST_PROGRESSIVE: u64 = 12_000_000;
/// From so many pixels on, JPEG is read at an eighth of its size.
const LARGE: u64 = 1_000_000;
/// The most colours.
const COLORS: usize = 10;
/// Cells of one channel.
const STEPS: usize = 16;

/// The colours that cover most, most first; `None` for a picture that is not counted here.
pub fn palette(image: &Image) -> Option<Vec<DominantColor>> {
    if image.stored().pixels() > MOST {
        return None;
    }
    let mut count = Count::default();
    match image.format() {
        Format::Png => png(image.bytes(), &mut count)?,
        Format::Jpeg => jpeg(image, &mut count)?,
        Format::Gif | Format::Webp => return None,
    }
    Some(count.palette())
}

fn png(bytes: &[u8], count: &mut Count) -> Option<()> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    // Checksums say nothing about colours.
    decoder.ignore_checksums(true);
    let mut reader = decoder.read_info().ok()?;
    let samples = reader.output_color_type().0.samples();
    while let Some(row) = reader.next_row().ok()? {
        for pixel in row.data().chunks_exact(samples) {
            match *pixel {
                [grey] => count.add([grey; 3]),
                [grey, alpha] if alpha >= 128 => count.add([grey; 3]),
                [red, green, blue] => count.add([red, green, blue]),
                [red, green, blue, alpha] if alpha >= 128 => count.add([red, green, blue]),
                _ => {}
            }
        }
    }
    Some(())
}

fn jpeg(image: &Image, count: &mut Count) -> Option<()> {
    let mut decoder = jpeg_decoder::Decoder::new(image.bytes());
    decoder.read_info().ok()?;
    let info = decoder.info()?;
    let progressive = info.coding_process == jpeg_decoder::CodingProcess::DctProgressive;
    if progressive && image.stored().pixels() > MOST_PROGRESSIVE {
        return None;
    }
    // A small picture is read whole: at an eighth, its edges would be mixtures.
    let part = if image.stored().pixels() > LARGE { 8 } else { 1 };
    decoder.scale(info.width.div_ceil(part), info.height.div_ceil(part)).ok()?;
    let pixels = decoder.decode().ok()?;
    match info.pixel_format {
        jpeg_decoder::PixelFormat::L8 => pixels.iter().for_each(|grey| count.add([*grey; 3])),
        jpeg_decoder::PixelFormat::RGB24 => {
            pixels.as_chunks().0.iter().for_each(|pixel: &[u8; 3]| count.add(*pixel));
        }
        _ => return None,
    }
    Some(())
}

/// How many pixels lie in a cell, and the sum of their channels.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    pixels: u64,
    sums: [u64; 3],
}

#[derive(Debug)]
struct Count {
    cells: Vec<Cell>,
    pixels: u64,
}

impl Default for Count {
    fn default() -> Self {
        Self { cells: vec![Cell::default(); STEPS * STEPS * STEPS], pixels: 0 }
    }
}

impl Count {
    fn add(&mut self, channels: [u8; 3]) {
        let [red, green, blue] = channels.map(|channel| usize::from(channel) * STEPS / 256);
        let cell = &mut self.cells[(red * STEPS + green) * STEPS + blue];
        cell.pixels += 1;
        for (sum, channel) in cell.sums.iter_mut().zip(channels) {
            *sum += u64::from(channel);
        }
        self.pixels += 1;
    }

    fn palette(&self) -> Vec<DominantColor> {
        let place = |at: usize| [at / STEPS / STEPS, at / STEPS % STEPS, at % STEPS];
        let touches = |a: usize, b: usize| place(a).iter().zip(place(b)).all(|(a, b)| a.abs_diff(b) <= 1);
        let mut order: Vec<usize> = (0..self.cells.len()).filter(|at| self.cells[*at].pixels > 0).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.cells[*at].pixels));
        let mut groups: Vec<(usize, Cell)> = Vec::new();
        for at in order {
            let cell = self.cells[at];
            match groups.iter_mut().find(|(middle, _)| touches(*middle, at)) {
                Some((_, group)) => {
                    group.pixels += cell.pixels;
                    group.sums.iter_mut().zip(cell.sums).for_each(|(sum, more)| *sum += more);
                }
                None => groups.push((at, cell)),
            }
        }
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.pixels));
        #[expect(clippy::cast_precision_loss, reason = "far fewer pixels than 2^52")]
        let share = |part: u64, whole: u64| part as f64 / whole as f64;
        let color = |(_, Cell { pixels, sums }): &(usize, Cell)| {
            let [red, green, blue] = sums.map(|sum| share(sum, *pixels).round());
            let fraction = share(*pixels, self.pixels);
            DominantColor { color: Color { red, green, blue }, score: fraction, pixel_fraction: fraction }
        };
        groups.iter().take(COLORS).map(color).collect()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::ai::image::tests::made;

    const BLUE: Color = Color { red: 32.0, green: 160.0, blue: 224.0 };
    const RED: Color = Color { red: 224.0, green: 80.0, blue: 32.0 };

    /// A quarter red, and the rest blue.
    fn stripes(color: png::ColorType) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 32, 32);
        encoder.set_color(color);
        let mut writer = encoder.write_header().unwrap();
        let pixel = |y: usize| -> &[u8] { if y < 8 { &[224, 80, 32, 255] } else { &[32, 160, 224, 255] } };
        let pixels: Vec<u8> = (0..32 * 32).flat_map(|at| pixel(at / 32)[..color.samples()].to_vec()).collect();
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn a_palette_says_what_covers_how_much() {
        for color in [png::ColorType::Rgb, png::ColorType::Rgba] {
            let colors = palette(&Image::read(stripes(color)).unwrap()).unwrap();
            let seen: Vec<_> = colors.iter().map(|found| (found.color, found.pixel_fraction)).collect();
            assert_eq!(seen, [(BLUE, 0.75), (RED, 0.25)]);
        }
    }

    #[test]
    fn a_jpeg_file_has_nearly_its_colours() {
        for file in [BASELINE, PROGRESSIVE] {
            let colors = palette(&Image::read(STANDARD.decode(file).unwrap()).unwrap()).unwrap();
            let near =
                |a: Color, b: Color| [a.red - b.red, a.green - b.green, a.blue - b.blue].iter().all(|d| d.abs() < 4.0);
            assert!(near(colors[0].color, BLUE) && near(colors[1].color, RED), "{colors:?}");
            // A few pixels between the two are neither.
            assert!(colors[0].pixel_fraction > 0.7 && colors[1].pixel_fraction > 0.2, "{colors:?}");
        }
    }

    #[test]
    fn what_cannot_be_counted_is_not() {
        for file in
            [made::gif(4, 4, 1, &[]), made::jpeg(640, 480, &[]), made::png(4, 4, &[]), made::png(6_000, 5_000, &[])]
        {
            assert_eq!(palette(&Image::read(file).unwrap()), None);
        }
        let grey: Vec<_> = (0..=255).flat_map(|grey| [grey; 3]).collect();
        let mut count = Count::default();
        grey.as_chunks().0.iter().for_each(|pixel: &[u8; 3]| count.add(*pixel));
        assert!((3..=COLORS).contains(&count.palette().len()));
        assert!(Count::default().palette().is_empty());
    }

    const BASELINE: &str = "\
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQ\
        ERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU\
        FBQUFBQUFBQUFBQUFBT/wAARCAAgACADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAUEAEAAAAAAAAAAAAA\
        AAAAAAAA/8QAFgEBAQEAAAAAAAAAAAAAAAAAAAQI/8QAGhEAAQUBAAAAAAAAAAAAAAAAABcYZKPjZf/aAAwDAQACEQMRAD8A\
        iC8KEjnV6FLg+VdkQReBI51egcHyrsgA0QY+AAD/2Q==";

    const PROGRESSIVE: &str = "\
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQ\
        ERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU\
        FBQUFBQUFBQUFBQUFBT/wgARCAAgACADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAWAQEBAQAAAAAAAAAA\
        AAAAAAAAAwf/2gAMAwEAAhADEAAAAYV6lIF4DRMfA//EABQQAQAAAAAAAAAAAAAAAAAAAED/2gAIAQEAAQUCB//EABkRAAID\
        AQAAAAAAAAAAAAAAABdkAKLiEP/aAAgBAwEBPwEgq3zCCrfPf//EABkRAAIDAQAAAAAAAAAAAAAAABZjAKLiEP/aAAgBAgEB\
        PwERfXUEX113/8QAFBABAAAAAAAAAAAAAAAAAAAAQP/aAAgBAQAGPwIH/8QAFBABAAAAAAAAAAAAAAAAAAAAQP/aAAgBAQAB\
        PyEH/9oADAMBAAIAAwAAABD33zz/xAAUEQEAAAAAAAAAAAAAAAAAAAAg/9oACAEDAQE/EBu//8QAFBEBAAAAAAAAAAAAAAAA\
        AAAAIP/aAAgBAgEBPxAAH//EABQQAQAAAAAAAAAAAAAAAAAAAED/2gAIAQEAAT8QB//Z";
}
