//! Which tables and segments a damaged database has.
//!
//! If both header slots and the manifest are whole, they say so and nothing else is asked. If not,
//! it is the newest base that is left, the deltas after it, and the segments that only their footers
//! tell of. Of those, what a whole part of the manifest must have known and does not name is left
//! alone: it was replaced, or never became part of the database.

use std::collections::{BTreeMap, BTreeSet};

use crate::db::deletes::Delete;
use crate::db::salvage::Source;
use crate::db::salvage::log::salt_of_log;
use crate::db::salvage::report::Run;
use crate::error::{Error, Result};
use crate::format::edit::{AddedColumn, DeleteEntry, Edit, KIND_BASE, SegmentEntry, SegmentId};
use crate::format::slot::{Slot, SlotState, slot_offset};
use crate::format::spec::{TableDef, TableId};
use crate::store::recovery::{read_manifest, read_slots, refuse_unknown};
use crate::store::search::{FoundSegment, ManifestRecord, Remains, search};

/// What there is to read.
pub(super) struct Catalog {
    /// Salt of the file.
    pub(super) salt: u64,
    /// Header and manifest are whole.
    pub(super) complete: bool,
    /// The newest header slot that is whole.
    pub(super) slot: Option<Slot>,
    pub(super) tables: BTreeMap<TableId, TableDef>,
    /// Segments that the manifest or the log names.
    named: BTreeMap<SegmentId, SegmentEntry>,
    /// Segments that only their footers tell of; of one that was moved there may be several copies.
    unnamed: BTreeMap<SegmentId, Vec<SegmentEntry>>,
    /// Other places where segments that are named stand: each was moved to one of them, or from it.
    moved: BTreeMap<SegmentId, Vec<SegmentEntry>>,
    /// All rows of a table up to that log number stand in segments.
    pub(super) flushed: BTreeMap<TableId, u64>,
    removed: BTreeSet<SegmentId>,
    /// Tables that records drop.
    pub(super) dropped: BTreeSet<TableId>,
    /// Deletes by table and log number. They hide rows of segments that are older.
    deletes: BTreeMap<(TableId, u64), DeleteEntry>,
    pub(super) next_seq: u64,
    pub(super) next_lsn: u64,
}

/// A segment that may be part of the database.
pub(super) struct Candidate {
    /// Where it stands: at one place, or at several if it was moved.
    pub(super) copies: Vec<SegmentEntry>,
    /// The manifest or the log names it; else only its footer tells of it.
    pub(super) named: bool,
}

impl Catalog {
    /// What header and manifest say, or what can be found without them.
    pub(super) fn find(source: &Source, run: &mut Run<'_>) -> Result<Self> {
        let (slot, both) = newest_slot(source, run)?;
        if let Some(slot) = slot.filter(|slot| source.len < slot.file_len) {
            let message = format!(
                "the file was cut: it has {} bytes, {} were committed",
                source.len, slot.file_len
            );
            run.problem(&source.path, source.len, message);
        }
        let manifest =
            slot.map(|slot| read_manifest(&*source.file, &source.path, source.len, &slot, !both));
        let catalog = match (slot, manifest) {
            (Some(slot), Some(Ok(edits))) if both => Self::of_edits(slot, edits, source, run),
            (_, Some(Err(e))) if e.io().is_some() => return Err(e),
            (slot, manifest) => {
                if let Some(Err(e)) = &manifest {
                    run.found(e);
                }
                Self::search(source, slot, run)?
            }
        };
        Ok(catalog)
    }

    fn empty(salt: u64, complete: bool, slot: Option<Slot>) -> Self {
        Self {
            salt,
            complete,
            slot,
            tables: BTreeMap::new(),
            named: BTreeMap::new(),
            unnamed: BTreeMap::new(),
            moved: BTreeMap::new(),
            flushed: BTreeMap::new(),
            removed: BTreeSet::new(),
            dropped: BTreeSet::new(),
            deletes: BTreeMap::new(),
            next_seq: slot.map_or(1, |slot| slot.next_seq),
            next_lsn: slot.map_or(1, |slot| slot.next_lsn),
        }
    }

    fn of_edits(slot: Slot, edits: Vec<Edit>, source: &Source, run: &mut Run<'_>) -> Self {
        let mut catalog = Self::empty(slot.salt, true, Some(slot));
        for edit in edits {
            catalog.apply(edit);
        }
        catalog.drop_unknown(source, run);
        catalog
    }

    /// Puts a catalog together from all that is left in the file.
    fn search(source: &Source, slot: Option<Slot>, run: &mut Run<'_>) -> Result<Self> {
        let found = look_everywhere(source, slot.map(|slot| slot.salt), run)?;
        let nothing = slot.is_none() && found.manifest.is_empty() && found.segments.is_empty();
        let salt = match nothing {
            true => salt_of_log(source)?.ok_or_else(|| {
                let message = "nothing of a chronolite database is left in it";
                Error::corruption(message).at(&source.path, 0)
            })?,
            false => found.salt,
        };
        let mut catalog = Self::empty(salt, false, slot);
        let base = found.manifest.iter().filter(|record| record.kind == KIND_BASE);
        let base = base.max_by_key(|record| record.generation);
        let known = Known::of(base, &found.manifest);
        let from = base.map_or(0, |base| base.generation);
        let newer = found.manifest.iter().filter(|r| r.kind != KIND_BASE && r.generation > from);
        let mut records: Vec<&ManifestRecord> = newer.collect();
        records.sort_by_key(|record| record.generation);
        for record in base.into_iter().chain(records) {
            for edit in &record.edits {
                catalog.apply(edit.clone());
            }
        }
        catalog.add_unnamed(found.segments, |entry| known.must_name(entry));
        catalog.drop_unknown(source, run);
        let unnamed = catalog.unnamed.len();
        let message = format!(
            "header and manifest are not whole: {unnamed} segments were found by their footers \
             alone, and what lost records of the manifest created, removed or deleted is not known"
        );
        run.problem(&source.path, 0, message);
        Ok(catalog)
    }

    /// Looks for segments that only the log named, in a part that is lost.
    pub(super) fn search_behind_log(&mut self, source: &Source, run: &mut Run<'_>) -> Result<()> {
        let found = look_everywhere(source, Some(self.salt), run)?;
        let next_lsn = self.slot.map_or(0, |slot| slot.next_lsn);
        self.add_unnamed(found.segments, |entry| entry.as_of_lsn < next_lsn);
        Ok(())
    }

    fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::CreateTable(def) => self.add_table(def),
            Edit::AddSegment(entry) => {
                // What was removed by this record was moved.
                self.removed.remove(&entry.id);
                self.name_segment(entry);
            }
            Edit::RemoveSegment { id, .. } => {
                self.removed.insert(id);
                self.named.remove(&id);
            }
            Edit::Flushed(table, lsn) => {
                let flushed = self.flushed.entry(table).or_default();
                *flushed = lsn.max(*flushed);
                self.next_lsn = self.next_lsn.max(lsn.saturating_add(1));
            }
            Edit::AddColumn(added) => self.add_column(added),
            Edit::DropTable(id) => self.drop_table(id),
            Edit::Delete(entry) => {
                self.next_lsn = self.next_lsn.max(entry.lsn.saturating_add(1));
                self.deletes.insert((entry.table, entry.lsn), entry);
            }
            Edit::ForgetDelete(table, lsn) => {
                self.deletes.remove(&(table, lsn));
            }
        }
    }

    /// The deletes that hide rows of a segment.
    pub(super) fn deletes_for(&self, entry: &SegmentEntry, def: &TableDef) -> Vec<Delete> {
        let later = (entry.table, entry.as_of_lsn.saturating_add(1))..=(entry.table, u64::MAX);
        let deletes = self.deletes.range(later).map(|(_, delete)| delete.clone());
        let deletes = deletes.filter_map(|delete| Delete::new(delete, 0, &def.spec).ok());
        deletes.filter(|delete| delete.concerns(entry)).collect()
    }

    /// A delete that the log tells of.
    pub(super) fn delete(&mut self, entry: DeleteEntry) {
        self.apply(Edit::Delete(entry));
    }

    /// A column that a table was given, unless a segment told of it before.
    pub(super) fn add_column(&mut self, added: AddedColumn) {
        if let Some(def) = self.tables.get_mut(&added.table)
            && let Ok(wider) = def.with_column(added.column)
        {
            *def = wider;
        }
    }

    /// Leaves out a table and whatever of it is found.
    pub(super) fn drop_table(&mut self, id: TableId) {
        self.tables.remove(&id);
        self.named.retain(|_, entry| entry.table != id);
        self.unnamed.retain(|_, copies| copies.iter().all(|entry| entry.table != id));
        self.dropped.insert(id);
    }

    /// A table, or a later state of one that is there: columns are only ever added.
    pub(super) fn add_table(&mut self, def: TableDef) {
        let columns = |def: &TableDef| def.spec.columns.len();
        if self.dropped.contains(&def.id) {
            return;
        }
        if self.tables.get(&def.id).is_none_or(|known| columns(known) < columns(&def)) {
            self.tables.insert(def.id, def);
        }
    }

    /// A segment that a record names, unless another one removed it.
    pub(super) fn name_segment(&mut self, entry: SegmentEntry) {
        if !self.removed.contains(&entry.id) && !self.dropped.contains(&entry.table) {
            self.next_seq = self.next_seq.max(entry.max_seq.saturating_add(1));
            self.next_lsn = self.next_lsn.max(entry.as_of_lsn.saturating_add(1));
            // Found by its footer, it told less of itself.
            self.unnamed.remove(&entry.id);
            self.named.entry(entry.id).or_insert(entry);
        }
    }

    /// Segments that nothing names. Of several of one number the latest counts: a number is given
    /// again if its segment came to nothing.
    fn add_unnamed(
        &mut self,
        found: Vec<FoundSegment>,
        must_be_named: impl Fn(&SegmentEntry) -> bool,
    ) {
        for FoundSegment { entry, def } in found {
            if self.dropped.contains(&def.id) {
                continue;
            }
            let id = entry.id;
            let named = self.named.get(&id);
            if let Some(named) = named.filter(|named| named.table == def.id) {
                // The record that created its table may be lost, or the one that moved it.
                let moved = named.offset != entry.offset && named.max_seq >= entry.min_seq;
                if moved && named.as_of_lsn == entry.as_of_lsn && !self.complete {
                    self.moved.entry(id).or_default().push(entry);
                }
                self.add_table(def);
                continue;
            }
            let named = self.removed.contains(&id) || named.is_some();
            let as_of = entry.as_of_lsn;
            let known = self.unnamed.get(&id).and_then(|copies| copies.first());
            let older = known.is_some_and(|other| other.as_of_lsn > as_of);
            if !named && !older && !must_be_named(&entry) {
                self.add_table(def);
                self.next_lsn = self.next_lsn.max(as_of.saturating_add(1));
                let copies = self.unnamed.entry(id).or_default();
                copies.retain(|other| other.as_of_lsn == as_of);
                copies.push(entry);
            }
        }
    }

    /// Segments, the surest first: those that are named, if the manifest is whole, and of others the
    /// newest first. Of two that hold the same rows the later one replaced the other.
    pub(super) fn segments(&self) -> impl Iterator<Item = Candidate> {
        let named = self.named.iter().map(|(id, entry)| {
            let moved = self.moved.get(id).into_iter().flatten();
            let copies = std::iter::once(entry).chain(moved).cloned().collect();
            (*id, Candidate { copies, named: true })
        });
        let unnamed = self.unnamed.iter();
        let unnamed =
            unnamed.map(|(id, copies)| (*id, Candidate { copies: copies.clone(), named: false }));
        let mut all: Vec<(SegmentId, Candidate)> = named.chain(unnamed).collect();
        // Named or not: what a lost record replaced is older than what replaced it.
        let named_first = |candidate: &Candidate| self.complete && !candidate.named;
        all.sort_by_key(|(id, candidate)| (named_first(candidate), std::cmp::Reverse(*id)));
        all.into_iter().map(|(_, candidate)| candidate)
    }

    /// Leaves out what cannot be told apart from others: segments without a table, tables whose
    /// name a later one has.
    fn drop_unknown(&mut self, source: &Source, run: &mut Run<'_>) {
        let mut names = BTreeSet::new();
        let mut replaced = BTreeSet::new();
        for def in self.tables.values().rev() {
            if !names.insert(def.name.clone()) {
                replaced.insert(def.id);
                let message = format!("an earlier table {:?} is left out", def.name);
                run.problem(&source.path, 0, message);
            }
        }
        self.tables.retain(|id, _| !replaced.contains(id));
        for entry in self.named.values().chain(self.unnamed.values().flatten()) {
            if !self.tables.contains_key(&entry.table) && !replaced.contains(&entry.table) {
                let (id, rows) = (entry.id, entry.rows);
                let message = format!(
                    "the {rows} rows of segment {id} are lost: the definition of table number {} is",
                    entry.table
                );
                run.problem(&source.path, entry.offset, message);
            }
        }
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        let all = self.named.values().chain(self.unnamed.values().flatten());
        all.filter(|entry| self.tables.contains_key(&entry.table)).map(|entry| entry.len).sum()
    }
}

/// What the whole part of a manifest, from its base to the first record that is missing, tells of
/// segments that it does not name.
#[derive(Default)]
struct Known {
    /// Greatest number of a segment that it names or removes.
    last_segment: SegmentId,
    /// Log number up to which all rows stand in segments that it names.
    flushed: u64,
}

impl Known {
    fn of(base: Option<&ManifestRecord>, records: &[ManifestRecord]) -> Self {
        let mut known = Self::default();
        let Some(base) = base else { return known };
        let (mut at, mut generation) = (base.at, base.generation);
        for record in records.iter().filter(|record| record.at >= base.at) {
            if record.at != at || record.generation < generation {
                break;
            }
            for edit in &record.edits {
                match edit {
                    Edit::AddSegment(entry) => {
                        known.last_segment = entry.id.max(known.last_segment)
                    }
                    Edit::RemoveSegment { id, .. } => {
                        known.last_segment = *id.max(&known.last_segment);
                    }
                    Edit::Flushed(_, lsn) => known.flushed = *lsn.max(&known.flushed),
                    _ => {}
                }
            }
            (at, generation) = (record.end, record.generation);
        }
        known
    }

    /// True if it would name the segment, were it part of the database.
    fn must_name(&self, entry: &SegmentEntry) -> bool {
        entry.id <= self.last_segment && entry.as_of_lsn <= self.flushed
    }
}

fn look_everywhere(source: &Source, salt: Option<u64>, run: &mut Run<'_>) -> Result<Remains> {
    run.expect(source.len);
    let mut at = 0;
    search(&*source.file, &source.path, source.len, salt, &mut |upto| {
        let more = upto - at;
        at = upto;
        run.advance(more)
    })
}

/// The valid slot of the higher generation, and whether both are valid.
fn newest_slot(source: &Source, run: &mut Run<'_>) -> Result<(Option<Slot>, bool)> {
    let states = read_slots(&*source.file, &source.path, source.len)?;
    let mut valid: Vec<Slot> = Vec::new();
    for (page, state) in states.into_iter().enumerate() {
        match state {
            SlotState::Valid(slot) => {
                refuse_unknown(&slot, &source.path)?;
                valid.push(slot);
            }
            SlotState::Damaged | SlotState::Foreign => {
                let at = slot_offset(page as u64);
                run.problem(&source.path, at, "a header slot is damaged");
            }
        }
    }
    if let [a, b] = valid.as_slice()
        && a.salt != b.salt
    {
        let error = Error::corruption("the two header slots are of different databases");
        run.found(&error.at(&source.path, 0));
        return Ok((None, false));
    }
    let both = valid.len() == 2;
    Ok((valid.into_iter().max_by_key(|slot| slot.generation), both))
}
