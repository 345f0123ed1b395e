//! From bytes to a model that is sound: what breaks in it breaks here, with its place, and not in a pass.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use prost::Message;

use super::error::{ModelError, ReadError};
use super::note::Note;
use super::proto::{Bytes, ModelProto};
use super::wire::{self, WireError};
use super::{Model, check, external, foreign};

/// The newest version of the format (ir_version) whose every field is known here.
pub const NEWEST_IR: i64 = 14;

/// The newest version of the standard operators that is known here.
pub const NEWEST_OPSET: i64 = 23;

/// The oldest version of the standard operators that is known here.
pub const OLDEST_OPSET: i64 = 9;

/// What decoding may take: some memory at once, and so many bytes for each of the file. Real files without
/// weights take 20 to 33 a byte, empty messages 70 and more.
const MEMORY: (u64, u64) = (16 << 20, 64);

impl Model {
    /// Reads an ONNX file with its external data.
    ///
    /// # Errors
    /// [`ReadError`] when there is no such file, or it is not a sound model.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let wrong = |source| ReadError::Model { path: path.into(), source };
        let bytes = read_file(path).map_err(|source| ReadError::File { path: path.into(), source })?;
        let mut proto = decode(bytes.ok_or_else(|| wrong(ModelError::TooLarge))?).map_err(wrong)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        external::read(&mut proto.model, Some(folder.unwrap_or(Path::new(".")))).map_err(wrong)?;
        sound(proto).map_err(wrong)
    }

    /// Reads a model from memory; all of its data must be there.
    ///
    /// # Errors
    /// [`ModelError`] when it is not a sound model.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, ModelError> {
        let mut proto = decode(bytes.into())?;
        external::read(&mut proto.model, None)?;
        sound(proto)
    }

    /// Checks that the model is sound: every value has one source, constants have as many elements as their
    /// sizes say.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn check(&self) -> Result<(), ModelError> {
        check::check(self.graph())
    }
}

/// A model as it stands in the file.
struct Decoded {
    model: ModelProto,
    /// Places of fields that were dropped.
    unknown: Vec<String>,
}

/// The bytes of the file; `None` when they are more than a message may have.
fn read_file(path: &Path) -> io::Result<Option<Bytes>> {
    const LIMIT: u64 = i32::MAX as u64;
    let file = File::open(path)?;
    let announced = file.metadata()?.len();
    if announced > LIMIT {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(announced as usize)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= LIMIT).then(|| bytes.into()))
}

fn decode(bytes: Bytes) -> Result<Decoded, ModelError> {
    if bytes.is_empty() {
        return Err(ModelError::Empty);
    }
    if let Some(kind) = foreign::kind(&bytes) {
        return Err(ModelError::Foreign(kind));
    }
    let scan = wire::scan(&bytes).map_err(|error| match error {
        WireError::Foreign => ModelError::Unknown,
        WireError::Truncated { place, announced, left } => ModelError::Truncated { place, announced, left },
        WireError::Malformed { place, reason } => ModelError::Malformed { place, reason },
        WireError::Deep => ModelError::Deep,
    })?;
    let size = bytes.len() as u64;
    if scan.memory > MEMORY.0 + MEMORY.1 * size {
        return Err(ModelError::Bomb { bytes: size, memory: scan.memory });
    }
    // Lengths and types are right, so that what is left to fail is text.
    let damaged = |error: prost::DecodeError| ModelError::Malformed {
        place: "the model".into(),
        reason: error.to_string(),
    };
    Ok(Decoded { model: ModelProto::decode(bytes).map_err(damaged)?, unknown: scan.unknown })
}

/// Checks what was decoded and puts its nodes in order.
fn sound(Decoded { model, unknown }: Decoded) -> Result<Model, ModelError> {
    let mut notes: Vec<Note> = unknown
        .into_iter()
        .map(|place| Note::warning(place, "is not of the ONNX format, and is dropped"))
        .collect();
    let mut model = Model::new(model).ok_or(ModelError::NoGraph)?;
    versions(model.proto(), &mut notes)?;
    check::check(model.graph())?;
    if check::sort(model.graph_mut())? {
        notes.push(Note::info("the graph", "its nodes are put behind what they read"));
    }
    model.notes = notes;
    Ok(model)
}

fn versions(model: &ModelProto, notes: &mut Vec<Note>) -> Result<(), ModelError> {
    let found = model.ir_version;
    if !(1..=NEWEST_IR).contains(&found) {
        return Err(ModelError::IrVersion { found });
    }
    // Versions of operators came with the third of the format.
    if found >= 3 && model.opset_import.is_empty() {
        return Err(ModelError::NoOpset);
    }
    for (at, set) in model.opset_import.iter().enumerate() {
        let same = |domain: &str| {
            let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
            domain == set.domain || standard(domain) && standard(&set.domain)
        };
        let before = model.opset_import[..at].iter().find(|other| same(&other.domain));
        if let Some(other) = before.filter(|other| other.version != set.version) {
            let (first, second) = (other.version, set.version);
            return Err(ModelError::TwoOpsets { domain: set.domain.clone(), first, second });
        }
        if same("") && set.version < 1 {
            return Err(ModelError::Opset { found: set.version });
        }
        if same("") && !(OLDEST_OPSET..=NEWEST_OPSET).contains(&set.version) {
            let text = format!(
                "its standard operators are of version {}, and {OLDEST_OPSET} to {NEWEST_OPSET} are known: \
                 what is not understood is kept as it is",
                set.version
            );
            notes.push(Note::warning("the model", text));
        }
    }
    Ok(())
}
