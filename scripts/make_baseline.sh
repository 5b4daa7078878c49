#!/bin/sh
# Reproduce the revision $1 on this machine beside the workspace, and tag what comes out as `baseline`. Where
# dvc.lock comes out as committed, the tag is the commit itself. A revision without a pipeline, or whose
# pipeline fails, is tagged as it is: compare then says what it lacks.
set -eu

revision=$1
tree=.dvc/tmp/baseline
# A folder that was removed by hand is still registered with Git.
git worktree remove --force "$tree" 2>/dev/null || rm -rf "$tree"
git worktree prune
git worktree add --quiet --detach "$tree" "$revision"

if [ -f "$tree/dvc.yaml" ]; then
    # The workspace's own cache, wherever it is configured, and its settings that are not in Git.
    cache=$(dvc cache dir)
    if [ -f .dvc/config.local ]; then cp .dvc/config.local "$tree/.dvc/config.local"; fi
    (
        cd "$tree" && dvc config --local cache.dir "$cache" || exit 1
        # What `dvc add` and `dvc import-url` track: from the cache, else from the remote.
        git -c core.quotePath=false ls-files '*.dvc' | while IFS= read -r file; do
            dvc checkout --quiet "$file" 2>/dev/null || dvc pull --quiet "$file"
        done
        dvc repro
    ) || echo "warning: the pipeline of $revision fails: it is compared as committed" >&2
fi
(
    cd "$tree"
    git add --update
    git diff --cached --quiet || git -c user.name=baseline -c user.email=baseline@localhost \
        commit --quiet --no-verify --message "Reproduce on this machine"
)
git tag --force baseline "$(git -C "$tree" rev-parse HEAD)"
git worktree remove --force "$tree"
