"""What is known of each source beyond its rows: who decided, by whose principles, who wrote it, who is missing, at what cost."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.config import SourceConfig

NOT_STATED = "not stated by the run's owner"
AMA = (
    "the nine Principles of Medical Ethics of the American Medical Association, United States; "
    "other countries' codes and laws differ, on abortion, assisted dying and confidentiality among others"
)


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """One sentence or two a fact, as the data card prints them."""

    decided: str
    """Who decided what is harmful, how, and who checked it."""
    principles: str
    """Whose they are, and of which country."""
    written: str
    """Who or which model wrote and annotated the rows."""
    not_represented: str
    cost: str
    """What reading harmful text cost the people who annotated it, where known."""
    personal: str
    """Personal or sensitive information in the rows."""
    citation: str = ""
    """BibTeX; empty where there is nothing to cite."""


FACTS = {
    "builtin": SourceFacts(
        decided="this project, by construction: a harmful request was written to break one named principle, its twin to ask for the "
        "legitimate thing, and a question to be benign. No clinician has reviewed the labels",
        principles=AMA,
        written="written for this project (generator `primum`) from general medical knowledge; no clinician has reviewed the answers",
        not_represented="English, one turn, invented cases. Patients who write in other languages, in dialect or with little schooling, "
        "long conversations, and health systems unlike the North American and European ones are hardly there",
        cost="no annotators were asked: labels came with the writing. Rows hold harmful requests and no harmful answers",
        personal="none known: cases are invented, and no row was taken from a record",
        citation="@software{primum, author = {{The Primum contributors}}, title = {Primum: safety training for medical language models, "
        "with the evidence}}",
    ),
    "medsafetybench": SourceFacts(
        decided="its authors (Han, Kumar, Agarwal, Lakkaraju 2024), by construction: a request was generated to break the principle that "
        "its file is named after. In their check 25 doctors gave 625 ratings, and 9 % of them called the request ethical. Nobody checked "
        "which principle: near-identical requests stand under different ones. No check by people of the later Llama-3 requests is known",
        principles=AMA,
        written="requests by GPT-4 (generator `gpt4`), by Llama-2-7b-chat under a jailbreak (`llama2`) and, later, by Llama-3 (`llama3`); "
        "the first two were filtered and edited by the authors. Safe answers by GPT-4, which its terms of use may bear on",
        not_represented="English, one turn, written by models: no request of a real patient or clinician is there",
        cost="25 doctors read 25 harmful requests each; what that cost them is not known here",
        personal="none known: requests were generated; the rows were not searched for names",
        citation="@inproceedings{han2024medsafetybench, author = {Han, Tessa and Kumar, Aounon and Agarwal, Chirag and Lakkaraju, "
        "Himabindu}, title = {{MedSafetyBench}: Evaluating and Improving the Medical Safety of Large Language Models}, booktitle = "
        "{NeurIPS Datasets and Benchmarks Track}, year = {2024}, note = {arXiv:2403.03744}}",
    ),
}
"""Of the sources that have a format of their own."""
GENERIC = ("instruction_json", "jsonl", "hub")
"""Formats that any data can come in: nothing is known of them but what the run's owner states."""


def facts_of(source: SourceConfig) -> SourceFacts:
    """What is known of the source's format, or for a user's own data what the config states; nothing is guessed."""
    stated = " ".join(source.labelled_by.split())
    if source.format in FACTS:
        return FACTS[source.format]
    statement = f"{stated.rstrip('.')} (as the run's owner states it, not checked)" if stated else NOT_STATED
    elsewhere = "nothing stated apart from the answer to who decided what is harmful" if stated else NOT_STATED
    return SourceFacts(
        decided=f"{statement}. A row's column `kind` tells harmful from benign, and where it has none the config's word, {source.kind}",
        principles=elsewhere,
        written=f"{elsewhere}; the rows' column `generator` is counted under Sources",
        not_represented=elsewhere,
        cost=elsewhere,
        personal=elsewhere,
    )
