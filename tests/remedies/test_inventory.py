"""Each remedy of the code base has a test that follows it, or a reason why none does."""

import ast

import pytest

from tests.remedies import (
    test_checkpoints,
    test_commands,
    test_corpus,
    test_dvc_commands,
    test_heads_and_adapters,
    test_hub,
    test_parameters,
    test_parts,
)
from tests.support.paths import ROOT
from tests.support.remedies import find_remedies

Key = tuple[str, str]  # module and text

TABLES = (
    test_checkpoints,
    test_commands,
    test_corpus,
    test_dvc_commands,
    test_heads_and_adapters,
    test_hub,
    test_parameters,
    test_parts,
)
CHECK = "tests/tools/checks/test_check.py::"
HUB = "tests/ner/sources/test_hub.py::"
REMOTE_CORPUS = "tests/ner/sources/test_remote_corpus.py::"
EXPERIMENTS = "tests/tools/experiments/"
# Tests that stand beside the code, and do what the remedy says.
BESIDE_THE_CODE: dict[Key, str] = {
    (
        "ner/core/command.py",
        "make room on the disk (dvc gc -w removes what no file here needs) and run it again.",
    ): (
        "tests/pipeline/test_full_disk.py::"
        "test_a_stage_on_a_really_full_disk_ends_in_one_line_and_runs_once_there_is_room"
    ),
    ("ner/core/inputs.py", "run dvc repro again."): (
        "tests/pipeline/test_edited_inputs.py::test_a_stage_whose_parameter_is_edited_fails_and_runs_again"
    ),
    (
        "ner/sources/hub.py",
        "unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE, or fetch it where there is a "
        "network: hf download {} --revision {}{}",
    ): ("tests/ner/sources/test_hub_cache.py::test_what_the_cache_holds_of_a_commit_is_taken_and_said"),
    (
        "ner/training/failures.py",
        "set train.gradient_accumulation_steps above {} or train.batch_size lower, "
        "train.gradient_checkpointing to true, or tokenize.max_length lower.",
    ): ("tests/ner/training/test_trainer.py::test_saving_memory_changes_the_result_in_the_last_digits_alone"),
    (
        "ner/training/runs.py",
        "run dvc repro again; with the old inputs back in place it takes what is kept.",
    ): ("tests/ner/training/test_runs.py::test_an_edited_input_keeps_the_result_back"),
    ("ner/training/runs.py", "run dvc repro, which takes what is kept."): (
        "tests/pipeline/test_interruptions.py::"
        "test_the_orphan_of_a_killed_dvc_is_named_and_overwrites_nothing"
    ),
    ("ner/training/runs.py", "wait until it ends, or stop it (kill {}); what it has done so far is kept."): (
        "tests/ner/training/test_runs.py::test_a_second_run_in_a_folder_is_refused_and_the_first_named"
    ),
    (
        "ner/training/launching.py",
        "start the run again on every machine: it goes on from the last checkpoint.",
    ): (
        "tests/pipeline/test_two_machines.py::"
        "test_a_killed_process_ends_the_run_on_both_machines_and_the_next_one_goes_on"
    ),
    ("ner/training/runs.py", "queue the experiment again, which goes on from them."): (
        "tests/pipeline/test_interruptions.py::test_a_killed_temporary_run_goes_on_in_the_workspace"
    ),
    (
        "ner/training/trainer.py",
        "make room on the disk and run again: training goes on from the checkpoint before.",
    ): (
        "tests/ner/training/test_trainer.py::"
        "test_a_full_disk_ends_in_one_line_and_the_checkpoint_before_is_kept"
    ),
    (
        "tools/checks/check.py",
        "git checkout HEAD -- dvc.lock metrics && dvc checkout, or run dvc repro and commit both.",
    ): (f"{CHECK}test_the_remedy_for_changed_results_works_though_dvc_has_staged_them"),
    ("tools/checks/check.py", "dvc checkout (dvc pull where the cache lacks them), then check again."): (
        f"{CHECK}test_the_outputs_of_another_branch_are_told_from_results_of_other_code"
    ),
    (
        "tools/checks/refusals.py",
        "a killed dvc left it so: see that no dvc runs here, then rm .dvc/tmp/rwlock and run it again.",
    ): (f"{CHECK}test_a_lock_that_a_killed_dvc_left_empty_is_named_with_what_to_remove"),
    ("tools/checks/refusals.py", "another dvc works here: wait until it is done, then run it again."): (
        f"{CHECK}test_a_dvc_that_works_here_is_waited_for"
    ),
    ("tools/checks/check_cache.py", "add --heal, which removes them: {}."): (
        "tests/tools/checks/test_check_cache.py::"
        "test_a_damaged_object_of_the_cache_is_named_healed_and_restored"
    ),
    ("tools/experiments/compare.py", "name each run once."): (
        f"{EXPERIMENTS}test_compare.py::test_a_run_counts_once_in_its_group"
    ),
    (
        "tools/experiments/compare.py",
        "name at least two runs on both sides, separated by commas; make seeds makes them.",
    ): (f"{EXPERIMENTS}test_compare.py::test_two_groups_are_compared_by_their_means_and_spread"),
    ("tools/experiments/queue.py", "give it another name: ln -s {} {} && dvc cache dir --local {}"): (
        f"{EXPERIMENTS}test_experiments.py::"
        "test_a_cache_whose_path_dvc_cannot_queue_with_is_named_and_the_remedy_works"
    ),
    ("tools/experiments/queue.py", "dvc queue logs {} says why; then again."): (
        f"{EXPERIMENTS}test_experiments.py::test_an_added_seed_runs_alone_and_a_failed_one_is_named"
    ),
    ("tools/experiments/queue.py", "correct the address or the credentials until dvc status reads it."): (
        "tests/pipeline/test_object_store.py::"
        "test_a_bucket_that_no_one_lets_in_or_answers_for_is_told_in_one_line"
    ),
    ("tools/experiments/results.py", "pass --pull, or run dvc fetch."): (
        f"{EXPERIMENTS}test_compare.py::test_predictions_come_from_the_remote_when_asked_for"
    ),
    ("tools/experiments/results.py", "run dvc push where it was made."): (
        f"{EXPERIMENTS}test_compare.py::test_predictions_come_from_the_remote_when_asked_for"
    ),
    ("tools/experiments/worker.py", "run the same command again: it begins what was under way anew."): (
        f"{EXPERIMENTS}test_experiments.py::test_a_run_whose_worker_was_killed_is_ended_and_said"
    ),
    **{
        ("ner/sources/remote_corpus.py", text): f"{REMOTE_CORPUS}test_the_remedies_of_an_address_work"
        for text in (
            "correct data.source in params.yaml.",
            "name a folder of corpus files, or one such file.",
            "write a path, or an address with {}.",
            "write the path alone: {}",
        )
    },
    ("ner/sources/remote_corpus.py", "rename or move it."): (
        f"{REMOTE_CORPUS}test_a_name_that_no_file_here_can_have_is_refused"
    ),
    ("ner/sources/remote_corpus.py", "run dvc repro again."): (
        f"{REMOTE_CORPUS}test_what_changes_while_it_is_read_is_named"
    ),
    (
        "tools/predict/begun_options.py",
        "name the first one with --model, or leave --resume out to start anew.",
    ): (
        "tests/tools/predict/test_begun_options.py::"
        "test_a_tagger_that_was_trained_anew_in_its_place_is_another"
    ),
    ("tools/predict/begun_options.py", "pass {} {}, or leave --resume out to start anew."): (
        "tests/tools/predict/test_begun_options.py::test_other_options_are_refused_and_the_remedy_goes_on"
    ),
    ("tools/predict/begun_options.py", "put that file back, or leave --resume out to start anew."): (
        "tests/tools/predict/test_begun_options.py::test_an_output_whose_options_are_not_known_is_refused"
    ),
    ("tools/predict/command.py", "make room on the disk and pass --resume to go on."): (
        "tests/tools/predict/test_command.py::test_a_run_cut_off_at_any_byte_is_resumed_to_the_same_output"
    ),
    (
        "tools/predict/command.py",
        "make room on the disk and run it again, with --resume to go on if the input is split into words.",
    ): ("tests/tools/predict/test_command.py::test_a_run_cut_off_at_any_byte_is_resumed_to_the_same_output"),
}
GPU = "needs a GPU or a driver that is broken in this way"
HUB_REASON = "needs another answer of the real Hub; that the question is asked anew is tested in test_hub.py"
INSTALL = "installs packages: make does the same, in tests/project/test_requirements.py"
STORE = "needs an object store: test_stores.py, which is slow, reads and writes one that can be used"
OTHER_RUN = "names another run, corpus or checkpoint to take: which is what every passing test does"
# What no test follows, and why.
NOT_FOLLOWED: dict[Key, str] = {
    **{
        ("ner/core/command.py", text): GPU
        for text in (
            "end what holds the GPU (see nvidia-smi), or compute on the CPU: put "
            "CUDA_VISIBLE_DEVICES= before the command.",
            "free the GPU's memory (nvidia-smi lists who holds it), or compute on the CPU: "
            "put CUDA_VISIBLE_DEVICES= before the command.",
            "install a PyTorch that supports this GPU, or compute on the CPU: put "
            "CUDA_VISIBLE_DEVICES= before the command.",
            "install a newer driver, or compute on the CPU: put CUDA_VISIBLE_DEVICES= before the command.",
            "install the driver, or compute on the CPU: put CUDA_VISIBLE_DEVICES= before the command.",
        )
    },
    (
        "ner/tagging/devices.py",
        "install a driver that is new enough, or compute on the CPU: put "
        "CUDA_VISIBLE_DEVICES= before the command.",
    ): GPU,
    ("ner/core/command.py", "close other programs, or set train.gradient_accumulation_steps higher."): (
        "fills the machine's memory; the setting is followed in test_trainer.py"
    ),
    ("ner/core/command.py", "check the disk: it cannot be read or written."): "needs a disk that fails",
    ("ner/core/command.py", "change who may read and write there, and run it again."): (
        "root, who runs tests in containers, may read and write everything"
    ),
    **{
        ("ner/sources/hub.py", text): HUB_REASON
        for text in (
            "accept the terms at {} and set HF_TOKEN.",
            "check the network, the proxy and HF_ENDPOINT, or try again later.",
            "check the spelling; a private one needs HF_TOKEN; a local folder must exist.",
            "do not use this repository; tell the Hub of it.",
            "make room on the disk or check who may write there.",
            "take a branch, tag or commit that {} lists.",
            "try again later; if it persists, ask who changes files on the way from the Hub.",
            "unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE.",
            "write `organisation/name`; a local folder must exist.",
        )
    },
    (
        "ner/sources/hub_corpus.py",
        "choose another dataset: the Hub has converted nothing of this one.",
    ): OTHER_RUN,
    ("ner/sources/hub_corpus.py", "choose another revision or subset of the dataset."): OTHER_RUN,
    ("ner/sources/pretrained.py", "choose a checkpoint with a tokenizer.json."): OTHER_RUN,
    (
        "ner/sources/pretrained.py",
        "save it as tokenizer.json where transformers can load it, with save_pretrained().",
    ): ("needs a library that this environment lacks, such as sentencepiece"),
    ("ner/tagging/heads.py", "set train.levels to outer, or choose another model.checkpoint."): (
        "trains; that outer alone trains with any head is tested in test_heads.py"
    ),
    ("ner/training/failures.py", "set a smaller train.lr, or a larger train.warmup_share."): (
        "trains; every other training test has a smaller one"
    ),
    (
        "ner/training/failures.py",
        "set a smaller train.weight_decay, such as 0.01; times train.lr ({}) it stays below 1.",
    ): ("trains; every other training test has a smaller one"),
    ("ner/onnx/export.py", "pip install -r requirements-onnx.txt"): INSTALL,
    ("ner/onnx/tagger.py", "pip install -r requirements-onnx.txt"): INSTALL,
    ("tools/predict/ray_engine.py", "pip install -r requirements-ray.txt"): INSTALL,
    (
        "ner/onnx/tagger.py",
        "export it again: ner export --to onnx",
    ): "exports for half a minute: test_tagger.py does",
    ("ner/onnx/tagger.py", "leave --precision out, or name the tagger that was exported with --model."): (
        "exports for half a minute: test_tagger.py loads such a folder without it"
    ),
    (
        "ner/onnx/tagger.py",
        "train one with dvc repro, fetch it with dvc pull, or name its folder with --model.",
    ): OTHER_RUN,
    ("tools/predict/command.py", "make room on the disk and run it again."): (
        "Parquet appears whole or not at all: test_full_disk.py"
    ),
    **{
        (f"tools/predict/{module}.py", text): "starts Ray, which is optional"
        for module, text in (
            (
                "ray_engine",
                "start it with ray start --head, and set RAY_AUTH_MODE=token if it wants Ray's token.",
            ),
            ("ray_engine", "try again when the machine has less to do."),
            (
                "ray_pool",
                "give each more of a machine with --cpus-per-worker, and pass --resume to go on.",
            ),
            ("ray_pool", "look at the cluster with ray status, and pass --resume to go on."),
        )
    },
    ("tools/predict/places.py", "leave --resume out, or write parts with --engine ray."): STORE,
    **{
        ("ner/sources/stores.py", text): STORE
        for text in (
            "check the network, and AWS_ENDPOINT_URL where the store is none of Amazon's.",
            "correct the address, or try again; with --resume where a run had begun.",
            "correct the address.",
            "set credentials that may use it: {}.",
        )
    },
    ("bench/fuzz_readers.py", "fix the readers; --keep keeps the files."): (
        "needs a fault of a reader; the readers pass in tests/bench/test_fuzz_readers.py"
    ),
    (
        "tools/serve/command.py",
        "name another with --host or --port.",
    ): "port 0, a free one, is what the tests of the service take",
    ("tools/serve/command.py", "start the service again."): "each test of the service starts one",
    ("tools/checks/check.py", "fix what Git names."): "whatever Git may say",
    ("tools/checks/refusals.py", "if you trust who owns it (you are {}): {}"): (
        "changes the user's own Git configuration; Git's documentation has the command"
    ),
    (
        "tools/checks/refusals.py",
        "the user id has no name on this machine: export USER=me (any name), then run it again.",
    ): ("needs a user without a name, as in some containers"),
    ("tools/checks/check_cache.py", "correct --remote."): "the tests of healing name the right one",
    ("tools/experiments/compare.py", "compare one run of each, or add seeds."): OTHER_RUN,
    ("tools/experiments/compare.py", "compare with a revision that has the same corpus."): OTHER_RUN,
    ("tools/experiments/compare.py", "run dvc repro there and commit."): (
        "the same words as in results.py, which are followed"
    ),
    (
        "tools/experiments/queue.py",
        "restore it: dvc pull, if DVC tracks it.",
    ): "test_pipeline.py pulls into a fresh clone",
    (
        "tools/experiments/results.py",
        "fix what DVC names; without --pull the cache alone is read.",
    ): "whatever DVC may say",
    ("tools/experiments/results.py", "git branch and dvc exp list -A show the names."): OTHER_RUN,
    ("scripts/pictures.py", "make browser"): "installs Chromium as root",
    ("scripts/pictures.py", "run dvc repro first."): "draws pictures in a browser",
    ("scripts/pictures.py", "see its message above."): "draws pictures in a browser",
    (
        "bench/benchmark.py",
        "name another one, or make the default checkpoint: dvc repro download_checkpoint",
    ): ("runs the benchmark for minutes"),
    ("bench/benchmark.py", "set a larger tokenize.max_length in params.yaml, or name another corpus."): (
        "runs the benchmark for minutes"
    ),
    ("bench/start_up.py", "make it: dvc repro download_checkpoint"): "runs the measurement for minutes",
    ("bench/start_up.py", "see above."): "runs the measurement for minutes",
    ("corpus_generator/make_sample.py", "pass a smaller --sentences, or add patterns to sentences.yaml."): (
        "draws sentences until the grammar has none left"
    ),
}


def followed() -> set[Key]:
    """Return the remedies that the tables of this folder follow."""
    return {(case.module, case.remedy) for table in TABLES for case in table.CASES}


def test_every_remedy_is_followed_or_has_a_reason():
    """A new remedy needs a case in a table of this folder, a test of its own, or a reason."""
    present = {(module, text) for module, texts in find_remedies().items() for text in texts}
    known = followed() | set(BESIDE_THE_CODE) | set(NOT_FOLLOWED)
    assert present - known == set(), "without a test"
    assert known - present == set(), "in no module any more"


def test_no_remedy_has_a_reason_beside_a_test():
    assert set(NOT_FOLLOWED) & (followed() | set(BESIDE_THE_CODE)) == set()


@pytest.mark.parametrize("place", sorted(set(BESIDE_THE_CODE.values())))
def test_the_tests_beside_the_code_are_there(place):
    file, _, name = place.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_what_makes_a_remedy_is_found():
    """All three ways: an argument, a place's error, and a variable."""
    found = find_remedies()
    assert "run dvc repro again." in found["ner/core/inputs.py"]
    assert "fix the record." in found["ner/sources/formats/records.py"]
    assert (
        "correct the path; a relative one starts at the project's root folder."
        in found["ner/sources/pretrained.py"]
    )
    assert sum(map(len, found.values())) > 200
