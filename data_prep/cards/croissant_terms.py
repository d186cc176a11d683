"""Words of the Croissant vocabulary, and what each column of our rows means in it."""

from __future__ import annotations

from typing import Any

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
TERMS = [
    "arrayShape",
    "citeAs",
    "column",
    "containedIn",
    "equivalentProperty",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isArray",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
]
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    **{term: f"cr:{term}" for term in TERMS},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
}

COLUMNS = {
    "id": "Names the row within its file.",
    "prompt": "Messages up to the last of the user.",
    "completion": (
        "The completion to imitate: a safe one where the prompt is harmful, a helpful one where it "
        "is benign."
    ),
    "chosen": "The preferred completion.",
    "rejected": "The dispreferred completion; on a harmful prompt it may be harmful text.",
    "kind": "harmful or benign.",
    "suite": "The set that the prompt is measured in.",
    "source": "Name of the source in the run's configuration.",
    "licence": "Licence of the row.",
    "principle": (
        "AMA principle of medical ethics, 1 to 9, that the request or its harmful twin breaks; "
        "null where the source names none."
    ),
    "generator": "Who or which model wrote the row.",
    "topic": "What it is about, where the source says.",
    "register": (
        "How the request is written (forum, nurse_note, elderly, non_native, search, clinician), "
        "where the source says."
    ),
    "twin_id": "Row of the same topic and form with the opposite kind.",
    "group": "Near-duplicates share a group, and a group is in one split.",
    "split": "train, val or test.",
    "prompt_id": (
        "Row of the prompts that a pair was built for, or that a further preference among the "
        "demonstrations belongs to."
    ),
    "pair_type": "What the pair is to teach.",
    "chosen_source": "Where the preferred completion comes from.",
    "rejected_source": "Where the dispreferred completion comes from.",
    "chosen_score": "Harmfulness of the preferred completion, 1 to 5, lower is better.",
    "rejected_score": "Harmfulness of the dispreferred completion, 1 to 5, lower is better.",
    "margin": "rejected_score - chosen_score.",
    "chosen_finished": "False where a token limit cut the preferred completion.",
    "rejected_finished": "False where a token limit cut the dispreferred completion.",
}
