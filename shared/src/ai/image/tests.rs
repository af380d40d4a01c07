use proptest::prelude::*;

use super::*;

/// Files as small as they get, put together here.
pub(crate) mod made {
    /// A segment of a JPEG file.
    pub fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], &length[..], data].concat()
    }

    /// A JPEG file's structure; its scan is no picture.
    pub fn jpeg(width: u16, height: u16, between: &[Vec<u8>]) -> Vec<u8> {
        let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
        let scan = [&segment(0xDA, &[1, 1, 0, 0, 63, 0])[..], &[1, 2, 0xFF, 0, 3, 0xFF, 0xD0, 4]].concat();
        [&[0xFF, 0xD8][..], &between.concat(), &segment(0xDB, &[0; 65]), &segment(0xC0, &frame), &scan, &[0xFF, 0xD9]]
            .concat()
    }

    /// EXIF of this orientation, with a place in it.
    pub fn exif(orientation: u8) -> Vec<u8> {
        let mut data = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0GPS 48.85,2.35".to_vec();
        data[25] = orientation;
        segment(0xE1, &data)
    }

    pub fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], kind, data, &[0; 4]].concat()
    }

    pub fn png(width: u32, height: u32, between: &[Vec<u8>]) -> Vec<u8> {
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        for part in [&[chunk(b"IHDR", &header)][..], between, &[chunk(b"IDAT", &[1, 2, 3]), chunk(b"IEND", &[])]] {
            file.extend(part.concat());
        }
        file
    }

    pub fn gif(width: u16, height: u16, frames: usize, between: &[u8]) -> Vec<u8> {
        let mut file = [&b"GIF89a"[..], &width.to_le_bytes(), &height.to_le_bytes(), &[0x80, 0, 0], &[0; 6]].concat();
        file.extend_from_slice(between);
        for _ in 0..frames {
            file.extend(
                [&[0x2C, 0, 0, 0, 0][..], &1_u16.to_le_bytes(), &1_u16.to_le_bytes(), &[0, 2, 2, 0x4C, 1, 0]].concat(),
            );
        }
        file.push(0x3B);
        file
    }

    pub fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (kind, data) in chunks {
            body.extend_from_slice(*kind);
            body.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
            body.extend_from_slice(data);
            body.extend_from_slice(&[0][..data.len() % 2]);
        }
        [&b"RIFF"[..], &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
    }

    pub fn vp8(width: u16, height: u16) -> Vec<u8> {
        [&[0x10, 0, 0, 0x9D, 1, 0x2A][..], &width.to_le_bytes(), &height.to_le_bytes(), &[0; 4]].concat()
    }

    pub fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
        [&[flags, 0, 0, 0][..], &(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat()
    }
}

fn code(bytes: Vec<u8>) -> &'static str {
    match Image::read(bytes) {
        Ok(_) => "",
        Err(flaw) => Error::from(flaw).code(),
    }
}

const SIZE: Size = Size { width: 640, height: 480 };

fn all() -> [(Format, Vec<u8>); 5] {
    [
        (Format::Jpeg, made::jpeg(640, 480, &[])),
        (Format::Png, made::png(640, 480, &[])),
        (Format::Gif, made::gif(640, 480, 1, &[])),
        (Format::Webp, made::webp(&[(b"VP8 ", made::vp8(640, 480))])),
        (Format::Webp, made::webp(&[(b"VP8X", made::vp8x(0x10, 640, 480)), (b"VP8 ", made::vp8(640, 480))])),
    ]
}

#[test]
fn what_an_image_is_its_bytes_tell() {
    for (format, bytes) in all() {
        let image = Image::read(bytes.clone()).unwrap();
        assert_eq!((image.format(), image.stored(), image.shown()), (format, SIZE, SIZE));
        assert_eq!(image.bytes(), bytes, "nothing is cut out of what has no metadata");
        assert_eq!(Format::of_media_type(format.media_type()), Some(format));
    }
    let bits = (639_u32 | 479 << 14).to_le_bytes();
    let lossless = made::webp(&[(b"VP8L", [&[0x2F][..], &bits].concat())]);
    assert_eq!(Image::read(lossless).unwrap().stored(), SIZE);
}

#[test]
fn row_39_a_huge_size_is_refused_by_its_header_alone() {
    let mut header = made::png(50_000, 50_000, &[]);
    header.truncate(33);
    for bytes in [
        header,
        made::png(50_000, 50_000, &[]),
        made::png(u32::MAX, 1, &[]),
        made::png(10_000, 10_000, &[]),
        made::jpeg(65_535, 65_535, &[]),
        made::gif(65_535, 65_535, 1, &[]),
        made::gif(65_535, 65_535, 100_000, &[]),
        made::webp(&[(b"VP8X", made::vp8x(0, 1 << 24, 1 << 24))]),
        made::webp(&[(b"VP8 ", made::vp8(16_383, 16_383))]),
    ] {
        assert_eq!(code(bytes), "IMAGE_TOO_LARGE");
    }
    assert_eq!(code(made::png(0, 5, &[])), "INVALID_IMAGE");
}

#[test]
fn row_39_other_files_are_not_taken() {
    for bytes in [
        &b""[..],
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?><svg/>",
        b"%PDF-1.7",
        b"BM123456",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x20ftypheic",
        b"\x7fELF",
        b"<html>",
        b"GIF90a",
        b"RIFF\0\0\0\0WAVE",
    ] {
        assert_eq!(code(bytes.to_vec()), "UNSUPPORTED_IMAGE", "{bytes:?}");
    }
}

#[test]
fn row_39_a_cut_off_file_is_damaged() {
    for (format, bytes) in all() {
        for length in 12..bytes.len() {
            // A GIF whose last byte is missing and one that ends in the middle are alike.
            assert_eq!(code(bytes[..length].to_vec()), "INVALID_IMAGE", "{format:?} of {length}");
        }
    }
}

#[test]
fn row_39_a_file_in_a_file_is_refused() {
    for (format, bytes) in all() {
        for second in
            [&b"PK\x03\x04 an archive"[..], b"<script>alert(1)</script>", b"%PDF-1.7", b"MZ", b"\xFF\xFFx", b"#!"]
        {
            assert_eq!(code([&bytes, second].concat()), "INVALID_IMAGE", "{format:?}");
        }
        // Filling is no file.
        assert_eq!(code([&bytes[..], b"\0\0\r\n"].concat()), "", "{format:?}");
    }
    // A header that is a script's comment, or a chunk that no format has.
    assert_eq!(code(b"GIF89a/*\0\x01\0\0\0\0*/=1;alert(1)//".to_vec()), "INVALID_IMAGE");
    assert_eq!(code(made::png(1, 1, &[made::chunk(b"EVIL", b"")])), "INVALID_IMAGE");
    assert_eq!(code(made::jpeg(1, 1, &[made::segment(0xC8, b"")])), "INVALID_IMAGE");
}

#[test]
fn what_cameras_hang_behind_an_image_is_cut_away() {
    let image = made::jpeg(640, 480, &[]);
    for behind in [made::jpeg(160, 120, &[]), b"\0\0\0\x18ftypmp42 a video".to_vec(), b"records SEFT".to_vec()] {
        assert_eq!(Image::read([&image[..], &behind].concat()).unwrap().bytes(), image);
    }
}

#[test]
fn row_39_animations_and_bombs_are_refused() {
    assert_eq!(code(made::gif(640, 480, 2, &[])), "UNSUPPORTED_IMAGE");
    assert_eq!(code(made::gif(640, 480, 100_000, &[])), "UNSUPPORTED_IMAGE");
    assert_eq!(code(made::gif(640, 480, 0, &[])), "INVALID_IMAGE");
    assert_eq!(code(made::png(640, 480, &[made::chunk(b"acTL", &[0; 8])])), "UNSUPPORTED_IMAGE");
    assert_eq!(code(made::webp(&[(b"VP8X", made::vp8x(0x02, 640, 480))])), "UNSUPPORTED_IMAGE");
    assert_eq!(code(made::webp(&[(b"VP8X", made::vp8x(0, 640, 480)), (b"ANMF", vec![0; 16])])), "UNSUPPORTED_IMAGE");
    // A frame beyond its canvas, and a picture beyond its.
    let mut frame = made::gif(1, 1, 1, &[]);
    let at = frame.len() - 12;
    frame[at] = 200;
    assert_eq!(code(frame), "INVALID_IMAGE");
    let hidden = made::webp(&[(b"VP8X", made::vp8x(0, 1, 1)), (b"VP8 ", made::vp8(16_000, 3_000))]);
    assert_eq!(code(hidden), "INVALID_IMAGE");
    // Other kinds of JPEG.
    let mut lossless = made::jpeg(640, 480, &[]);
    let at = lossless.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    lossless[at + 1] = 0xC3;
    assert_eq!(code(lossless), "UNSUPPORTED_IMAGE");
}

#[test]
fn metadata_goes_no_further() {
    let canary = b"GPS 48.85,2.35";
    let icc = made::segment(0xE2, b"ICC_PROFILE\0\x01\x01colours");
    let dirty = [
        made::jpeg(
            640,
            480,
            &[
                made::segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"),
                made::exif(6),
                icc.clone(),
                made::segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0GPS 48.85,2.35"),
                made::segment(0xED, canary),
                made::segment(0xFE, canary),
            ],
        ),
        made::png(
            640,
            480,
            &[
                made::chunk(b"tEXt", canary),
                made::chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS 48.85,2.35"),
                made::chunk(b"iTXt", canary),
            ],
        ),
        made::gif(640, 480, 1, b"\x21\xFE\x0EGPS 48.85,2.35\0\x21\xF9\x04\0\0\0\0\0"),
        made::webp(&[
            (b"VP8X", made::vp8x(0x1C, 640, 480)),
            (b"VP8 ", made::vp8(640, 480)),
            (b"EXIF", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS 48.85,2.35".to_vec()),
            (b"XMP ", canary.to_vec()),
        ]),
    ];
    for bytes in dirty {
        let image = Image::read(bytes.clone()).unwrap();
        let clean = |bytes: &[u8]| !bytes.windows(canary.len()).any(|window| window == canary);
        assert!(clean(image.bytes()) && !clean(&bytes), "{image:?}");
        assert!(clean(&image.upright().concat()));
        // What is left is whole, and has nothing left to cut.
        let again = Image::read(image.bytes().to_vec()).unwrap();
        assert_eq!((again.bytes(), again.stored()), (image.bytes(), SIZE));
        assert_eq!(again.orientation(), Orientation::default());
        if image.format() != Format::Gif {
            assert_eq!((image.orientation(), image.shown()), (Orientation::new(6), Size { width: 480, height: 640 }));
        }
        // Who turns images by their EXIF finds the orientation of a JPEG file, and nothing else.
        let upright = Image::read(image.upright().concat()).unwrap();
        let turned = image.format() == Format::Jpeg;
        assert_eq!(upright.orientation() == Orientation::new(6), turned);
        assert_eq!(image.bytes().windows(icc.len()).any(|window| window == icc), turned);
        assert_eq!(image.bytes().len() % 2 * usize::from(image.format() == Format::Webp), 0);
    }
}

#[test]
fn row_42_43_44_an_address_is_not_an_image() {
    for address in [
        "http://169.254.169.254/latest/meta-data/",
        "https://example.com/cat.jpg",
        "//example.com/cat.jpg",
        "HTTP://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "gs://bucket/object",
        "s3://bucket/key",
        "ftp://127.0.0.1/x",
        "localhost:8080",
        "example.com/cat.jpg",
        "data:image/png;base64,http://169.254.169.254/",
        "data:text/html,<img src=http://127.0.0.1>",
        "data:image/svg+xml;utf8,<svg/>",
        "data:image/png",
        "\\\\host\\share",
    ] {
        let body = serde_json::json!({"image": address});
        let sentence = serde_json::from_value::<crate::ai::vision::analyze::Request>(body).unwrap_err().to_string();
        assert!(!sentence.contains("169.254") && !sentence.contains("example"), "{sentence}");
        assert!(Encoded::decode(address).is_err(), "{address}");
    }
    for member in ["url", "imageUrl", "image_url", "imageUri", "source", "gcsImageUri", "bg_image_url"] {
        let body = serde_json::json!({"image": "aGk=", member: "http://127.0.0.1/"});
        assert!(serde_json::from_value::<crate::ai::vision::analyze::Request>(body.clone()).is_err());
        assert!(serde_json::from_value::<crate::ai::background::Request>(body).is_err());
    }
}

#[test]
fn an_image_is_what_it_was_said_to_be() {
    use base64::Engine as _;
    let png = base64::engine::general_purpose::STANDARD.encode(made::png(640, 480, &[]));
    let read = |text: String| Encoded::decode(&text).map_err(Error::invalid).and_then(Image::try_from);
    for text in [png.clone(), format!("data:image/png;base64,{png}"), format!("DATA:Image/PNG;charset=x;BASE64,{png}")]
    {
        assert_eq!(read(text).unwrap().stored(), SIZE);
    }
    assert_eq!(read(format!("data:;base64,{png}")).unwrap().format(), Format::Png);
    for said in ["image/jpeg", "image/svg+xml", "text/html", "application/octet-stream"] {
        assert_eq!(read(format!("data:{said};base64,{png}")).unwrap_err().code(), "IMAGE_TYPE_MISMATCH", "{said}");
    }
    assert_eq!(read("not base64!".to_owned()).unwrap_err().code(), "INVALID_REQUEST");
    assert_eq!(read(String::new()).unwrap_err().code(), "UNSUPPORTED_IMAGE");
}

proptest! {
    /// Whatever the bytes, a walk ends, within the file, with a size that is worked on.
    #[test]
    fn any_bytes_are_an_image_or_a_flaw(
        start in prop::sample::select(all().map(|(_, bytes)| bytes).to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in prop::collection::vec(any::<u8>(), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = [start, end].concat();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2).min(bytes.len()));
        if let Ok(image) = Image::read(bytes.clone()) {
            prop_assert!(image.bytes().len() <= bytes.len());
            prop_assert!(image.stored().pixels() <= MOST_PIXELS);
            let again = Image::read(image.bytes().to_vec());
            prop_assert_eq!(again.map(Image::into_bytes), Ok(image.into_bytes()));
        }
    }
}
