"""Croissant: a built set described for machines, in MLCommons' JSON-LD vocabulary with its
responsible-AI terms.

Written as plain JSON; the tests have MLCommons' own library validate it and read the rows back
through it.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from data_prep.cards.croissant_terms import COLUMNS, CONFORMS_TO, CONTEXT
from data_prep.cards.data_card import DataCard, require_complete, sentences
from data_prep.config import PublicationConfig
from records.rows import Record
from records.run_files import SPLITS
from records.stage_folder import SCHEMA_VERSION, sha256_file, sha256_json, write_json, write_text

DATA_TYPES = {str: "sc:Text", int: "sc:Integer", float: "sc:Float", bool: "sc:Boolean"}
SPLIT_CLASSES = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
SPDX = {
    name: f"https://spdx.org/licenses/{name}"
    for name in ("Apache-2.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "MIT")
}


def write_card(
    folder: Path, card: DataCard, files: Mapping[str, type[Record]], publication: PublicationConfig
) -> None:
    """data_card.md and croissant.json, beside the JSON Lines files that they describe."""
    # Before either file is written: half a card would look like the whole of one.
    require_complete(card)
    write_text(folder / "data_card.md", card.markdown())
    write_json(folder / "croissant.json", croissant(folder, card, files, publication))


def croissant(
    folder: Path, card: DataCard, files: Mapping[str, type[Record]], publication: PublicationConfig
) -> dict[str, Any]:
    """Depends on the files' contents and the configuration alone: nothing is dated by the clock."""
    # The version is made of the files' hashes, so that equal data have one version on any machine.
    hashes = {name: sha256_file(folder / name) for name in files}
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": card.name,
        "description": card.summary,
        "license": [SPDX.get(licence, licence) for licence in card.licences],
        "version": f"{SCHEMA_VERSION}.0.0+{sha256_json(hashes)[:12]}",
        "citeAs": "\n".join(card.citations),
        "creator": {"@type": "sc:Organization", "name": publication.creator}
        if publication.creator
        else None,
        "url": publication.url,
        "datePublished": publication.date,
        "isLiveDataset": False,
        **_responsible_ai(card),
        "distribution": [_file(folder / name, sha256) for name, sha256 in hashes.items()],
        "recordSet": [
            _splits(),
            *(_record_set(folder / name, record) for name, record in files.items()),
        ],
    }
    found: dict[str, Any] = {}
    # What nobody stated is left out; an empty value would read as a statement.
    for key, value in described.items():
        if value not in (None, "", []):
            found[key] = value
    return found


def _responsible_ai(card: DataCard) -> dict[str, Any]:
    return {
        "rai:dataCollection": "\n".join(sentences(card.written)),
        "rai:dataAnnotationProtocol": [*sentences(card.decided), *sentences(card.principles)],
        "rai:dataPreprocessingProtocol": sentences(card.left_out),
        "rai:dataBiases": sentences(card.not_represented),
        "rai:dataLimitations": sentences(card.limitations),
        "rai:dataUseCases": [f"Intended: {card.intended}", f"Excluded: {card.excluded}"],
        "rai:dataSocialImpact": "\n".join(sentences(card.cost)),
        "rai:personalSensitiveInformation": sentences(card.personal),
    }


def _file(path: Path, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": "application/jsonlines",
        "sha256": sha256,
    }


def _splits() -> dict[str, Any]:
    fields = [("name", "sc:Text"), ("url", "sc:URL")]
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        # Croissant knows splits by these classes, whatever a set calls its own.
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"splits/{name}", "name": name, "dataType": kind}
            for name, kind in fields
        ],
        "data": [{"splits/name": name, "splits/url": SPLIT_CLASSES[name]} for name in SPLITS],
    }


def _record_set(path: Path, record: type[Record]) -> dict[str, Any]:
    set_id = path.stem
    columns = {}
    for column, hint in get_type_hints(record).items():
        columns[column] = _field(path.name, f"{set_id}/{column}", column, hint)
    if path.stat().st_size:  # mlcroissant 1.1.1 fails to join an empty file with the splits
        columns["split"]["references"] = {"field": {"@id": "splits/name"}}
    return {
        "@type": "cr:RecordSet",
        "@id": set_id,
        "name": set_id,
        "description": f"The rows of {path.name}.",
        "key": {"@id": f"{set_id}/id"},
        "field": list(columns.values()),
    }


def _field(file: str, field_id: str, column: str, hint: Any) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": field_id,
        "name": column,
        "description": COLUMNS[column],
    }
    source = {"fileObject": {"@id": file}, "extract": {"column": column}}
    # Only messages are lists of objects; everything else is a plain column.
    if get_origin(hint) is not list:
        return field | {"dataType": _data_type(hint), "source": source}
    (item,) = get_args(hint)
    field |= {"isArray": True, "arrayShape": "-1"}
    if not is_typeddict(item):
        return field | {"dataType": _data_type(item), "source": source}
    parts = []
    for key, part in get_type_hints(item).items():
        parts.append(
            {
                "@type": "cr:Field",
                "@id": f"{field_id}/{key}",
                "name": key,
                "dataType": _data_type(part),
                "source": source | {"transform": {"jsonPath": key}},
            }
        )
    return field | {"subField": parts}


def _data_type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return DATA_TYPES[type(get_args(hint)[0])]
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    return DATA_TYPES[hint]
