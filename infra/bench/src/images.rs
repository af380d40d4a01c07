//! What analyze-image adds to a provider's time: warm calls with a JPEG file of 4 MB, beside plain base64 decoding and
//! SHA-256 of the same bytes; and the most memory that the functions of images ever held.
//!
//! The provider's own time, from the first byte of its request to the last of its answer, is taken away: that is where a
//! network would be. Everything else counts: the event in, DynamoDB, the answer out.

use crate::numbers::Times;
use crate::runtime_api::Process;
use crate::world::{self, World};
use anyhow::{Context as _, Result, bail};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of the picture.
const PICTURE: usize = 4_000_000;
/// Bytes of the largest upload.
const UPLOAD: usize = 20_000_000;
/// Bytes of the largest cut-out: beyond what an answer holds.
const CUT_OUT: usize = 10_000_000;
/// Calls of one account, below the AI limit as it is by default.
const CALLS: usize = 30;

/// What one call of analyze-image takes.
pub(crate) struct Images {
    /// Event to answer, without the provider's time.
    pub(crate) took: Times,
    /// CPU time of the function, its threads together.
    pub(crate) cpu: Times,
    /// Plain decoding and hashing of the same bytes.
    pub(crate) plain: Times,
    /// The most memory of a function, and what it worked on.
    pub(crate) memory: Vec<(&'static str, &'static str, Option<u64>)>,
}

/// A provider that answers at once, and how long it had each request.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    busy: Arc<Mutex<Duration>>,
}

impl Provider {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, busy) = (listener.local_addr()?, Arc::<Mutex<Duration>>::default());
        let total = Arc::clone(&busy);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let total = Arc::clone(&total);
                std::thread::spawn(move || {
                    // A client that goes away ends its connection.
                    let _ = serve(stream, &total);
                });
            }
        });
        Ok(Self { address, busy })
    }

    /// The time since the last look.
    fn take(&self) -> Duration {
        std::mem::take(&mut *self.busy.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(mut stream: TcpStream, busy: &Mutex<Duration>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut chunk = vec![0; 1024 * 1024];
    let (mut head, mut begun) = (Vec::new(), None);
    loop {
        let (end, length) = loop {
            if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
                break (end + 4, length.unwrap_or(0));
            }
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            begun.get_or_insert_with(Instant::now);
            head.extend_from_slice(&chunk[..read]);
        };
        let cuts = head.starts_with(b"POST /removebg");
        let mut seen = head.len() - end;
        while seen < length {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                bail!("cut off");
            }
            seen += read;
        }
        let answer = if cuts { picture(CUT_OUT) } else { annotated() };
        let head_of = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {}\r\nx-credits-charged: 1\r\ncontent-length: {}\r\n\r\n",
            if cuts { "image/jpeg" } else { "application/json" },
            answer.len()
        );
        // Held until it is noted: whoever looks after the answer has arrived sees all of it.
        let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&[head_of.as_bytes(), &answer].concat())?;
        *busy += begun.take().map_or(Duration::ZERO, |begun: Instant| begun.elapsed());
        drop(busy);
        head.clear();
    }
}

/// What Vision says of a picture: a little of everything.
fn annotated() -> Vec<u8> {
    let corners = json!({"vertices": [{}, {"x": 100}, {"x": 100, "y": 50}, {"y": 50}]});
    let labels: Vec<Value> = (0..10).map(|n| json!({"description": format!("label {n}"), "score": 0.9})).collect();
    let faces: Vec<Value> = (0..4)
        .map(|_| json!({"boundingPoly": corners, "detectionConfidence": 0.9, "joyLikelihood": "LIKELY"}))
        .collect();
    json!({"responses": [{"labelAnnotations": labels, "faceAnnotations": faces}]}).to_string().into_bytes()
}

/// A JPEG file's structure of about so many bytes, another one each time.
fn picture(size: usize) -> Vec<u8> {
    static MADE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let segment = |marker: u8, data: &[u8]| {
        let length = u16::try_from(data.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
        [&[0xFF, marker], &length[..], data].concat()
    };
    let mut file = vec![0xFF, 0xD8];
    file.extend(segment(0xDB, &[0; 65]));
    file.extend(segment(0xC0, &[8, 0x0B, 0xB8, 0x0F, 0xA0, 1, 1, 0x11, 0]));
    file.extend(segment(0xDA, &[1, 1, 0, 0, 63, 0]));
    let mut noise = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    while file.len() + 2 < size {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [byte, ..] = noise.to_be_bytes();
        file.push(byte);
        if byte == 0xFF {
            file.push(0);
        }
    }
    file.extend([0xFF, 0xD9]);
    file
}

pub(crate) fn measure(world: &mut World, provider: &Provider, built: &Path) -> Result<Images> {
    let (mut took, mut cpu, mut plain) = <(Times, Times, Times)>::default();
    let binary = built.join("analyze-image");
    let mut process = Process::start(&binary, &world.environment("analyze-image")?)?;
    let token = world.fresh_token()?;
    eprintln!("images: {CALLS} pictures");
    for n in 0..=CALLS {
        let file = picture(PICTURE);
        let text = STANDARD.encode(&file);
        let body = json!({"image": text, "analysisTypes": ["all"]});
        let event = world::http("POST", "/api/ai/analyze-image", 0, Some(&token), Some(&body)).to_string();
        let (before, _) = (process.cpu_time(), provider.take());
        let answered = process.invoke(event.as_bytes())?;
        let (after, theirs) = (process.cpu_time(), provider.take());
        world::check("analyze-image", &answered.body)?;
        if theirs.is_zero() {
            bail!("the provider was not asked");
        }
        // Beside it, each time, so that noise is shared.
        let started = Instant::now();
        let bytes = STANDARD.decode(&text)?;
        let hash = digest(&SHA256, &bytes);
        let alone = started.elapsed();
        if std::hint::black_box(hash).as_ref().len() != 32 || bytes != file {
            bail!("decoding went wrong");
        }
        if n > 0 {
            took.add(answered.took.saturating_sub(theirs));
            cpu.add(after.zip(before).map_or(Duration::ZERO, |(after, before)| after.saturating_sub(before)));
            plain.add(alone);
        }
    }
    let mut memory = vec![("analyze-image", "30 pictures of 4 MB", process.most_memory())];
    drop(process);
    for (function, size, what) in [
        ("analyze-image", 7_200_000, "an upload of 7.2 MB"),
        ("describe-image", 7_200_000, "an upload of 7.2 MB"),
        ("remove-background", PICTURE, "4 MB, and 10 MB back"),
        ("remove-background", UPLOAD, "an upload of 20 MB, and 10 MB back"),
    ] {
        eprintln!("images: memory of {function}");
        let token = world.fresh_token()?;
        let mut process = Process::start(&built.join(function), &world.environment(function)?)?;
        // Twice: a warm process holds what the first call left.
        for _ in 0..2 {
            let file = picture(size);
            let mut body = if size > PICTURE {
                json!({"imageKey": world.upload(&token, &file)?})
            } else {
                json!({"image": STANDARD.encode(&file)})
            };
            if function == "remove-background" {
                body["size"] = "full".into();
            }
            let event = world::http("POST", &format!("/api/ai/{function}"), 0, Some(&token), Some(&body)).to_string();
            let answered = process.invoke(event.as_bytes())?;
            world::check(function, &answered.body).context(what)?;
        }
        memory.push((function, what, process.most_memory()));
    }
    Ok(Images { took, cpu, plain, memory })
}
