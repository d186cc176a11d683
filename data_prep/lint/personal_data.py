"""What identifies a person, found by Presidio's patterns and checksums on a spaCy pipeline without
a model: nothing is downloaded.

Loaded only where data.lint.personal_data asks for it. Names and addresses in prose need a trained
model and are not found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer import predefined_recognizers as recognizers
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from spacy.language import Language
from tldextract import TLDExtract

from data_prep.lint.personal_patterns import Found

LANGUAGE = "en"
PHONE_REGIONS = ("US", "GB")
"""Whose numbers are known without a country code."""


def finder() -> Callable[[str], list[Found]]:
    """A function from a text to what was found in it; of two findings that overlap, the longer one,
    then the surer one.
    """
    analyzer = AnalyzerEngine(
        registry=_registry(), nlp_engine=_words_only(), supported_languages=[LANGUAGE]
    )

    def find(text: str) -> list[Found]:
        kept: list[Found] = []
        for result in sorted(
            analyzer.analyze(text, LANGUAGE), key=lambda r: (r.start - r.end, -r.score, r.start)
        ):
            # Presidio reports one number as several kinds; the report counts it once.
            if all(result.end <= other.start or other.end <= result.start for other in kept):
                kept.append(Found(result.entity_type, result.start, result.end))
        return sorted(kept, key=lambda found: found.start)

    return find


def _registry() -> RecognizerRegistry:
    email = recognizers.EmailRecognizer()
    # Its own check fetches the list of public suffixes; this one reads the copy that comes with the
    # library.
    suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)
    email.validate_result = lambda address: bool(suffixes(address).fqdn)
    return RecognizerRegistry(
        recognizers=[
            email,
            recognizers.PhoneRecognizer(supported_regions=PHONE_REGIONS),
            # Kinds with a form or a checksum only: those that need a language model would fetch
            # one.
            recognizers.CreditCardRecognizer(),
            recognizers.IbanRecognizer(),
            recognizers.IpRecognizer(),
            recognizers.MedicalLicenseRecognizer(),
            recognizers.UsSsnRecognizer(),
            recognizers.UsMbiRecognizer(),
            recognizers.NhsRecognizer(),
        ],
        supported_languages=[LANGUAGE],
    )


def _own_words(doc: Any) -> Any:
    """Every word is its own lemma: what Presidio compares with the words that make a number
    suspicious ("card", "phone").
    """
    for token in doc:
        token.lemma_ = token.lower_
    return doc


def _words_only() -> SpacyNlpEngine:
    pipeline = spacy.blank(LANGUAGE)
    pipeline.max_length = 2**31  # the limit is there for parsers
    # spaCy only adds parts that are registered by name.
    Language.component("primum_own_words", func=_own_words)
    pipeline.add_pipe("primum_own_words")
    engine = SpacyNlpEngine()
    engine.nlp = {LANGUAGE: pipeline}  # as load() would, which downloads a model
    return engine
