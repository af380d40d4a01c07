//! Images, put together here.

/// A JPEG file's structure of about so many bytes; its scan is no picture.
pub fn jpeg(width: u16, height: u16, size: usize) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    file.extend(segment(0xDB, &[0; 65]));
    file.extend(segment(0xC0, &[&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat()));
    file.extend(segment(0xDA, &[1, 1, 0, 0, 63, 0]));
    let mut noise = 1_u32;
    while file.len() + 2 < size {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let byte = (noise >> 24) as u8;
        file.push(byte);
        if byte == 0xFF {
            file.push(0);
        }
    }
    file.extend([0xFF, 0xD9]);
    file
}

/// The same with a place and an orientation in its EXIF.
pub fn jpeg_with_exif(width: u16, height: u16, orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0canary-place".to_vec();
    exif[25] = orientation;
    let file = jpeg(width, height, 300);
    [&file[..2], &segment(0xE1, &exif), &file[2..]].concat()
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &length[..], data].concat()
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], kind, data, &[0; 4]].concat()
}

/// A PNG file's structure with so many bytes of pixels, which are none.
pub fn png(width: u32, height: u32, pixels: usize) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let pixels = vec![7; pixels];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &pixels), chunk(b"IEND", &[])].concat()
}

/// A GIF of so many frames.
pub fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let head = [&b"GIF89a"[..], &width.to_le_bytes(), &height.to_le_bytes(), &[0, 0, 0]].concat();
    let frame = [0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0];
    [head, frame.repeat(frames), vec![0x3B]].concat()
}
