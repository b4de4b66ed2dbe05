"""Where GLaMM's classes open their data, as its code at e74865f has it, and the names of its documents where they
differ."""

from __future__ import annotations

from labelyard.launch.layouts.contents import Keys, Listing, Pairs, Pictures, References, Rows
from labelyard.launch.layouts.table import Dataset, Layout, Link, Reader

IMAGE = ("id", "file_name")
SIZED = (*IMAGE, "width", "height")
BOXED = ("id", "image_id", "bbox", "area")
TRAIN = "GranDf/annotations/train"
MDETR = "RefCoco_Reg/mdetr_annotations"
SEGM = "Semantic_Segm"
COCO_2017, COCO_2014, FLICKR = "coco_2017/train2017", "coco_2014/train2014", "flikcr_30k/train"
HUMAN = "GranDf/GranDf_HA_images/train"
BROKEN = "its class takes a tuple for a path, and fails at every picture"
CAPTION_LMDB, REFERRING_LMDB = "Grand_Caption_Grounding_lmdb", "Grand_Referring_Expression_lmdb"


def _mdetr(name: str, folder: str = MDETR, below: str = "RefCoco_Reg/coco_2014", *more: str) -> Listing:
    images = Rows("images", (*SIZED, "caption"), "file_name", below)
    return Listing(f"{folder}/{name}.json", (images, Rows("annotations", (*BOXED, *more))))


def _human(name: str, below: str) -> Listing:
    return Listing(f"{TRAIN}/{name}.json", (Rows("", ("file_name", "caption", "groundings"), "file_name", below),))


def _captions(split: str) -> Listing:
    images = Rows("images", IMAGE, "file_name", f"coco_2017/{split}2017")
    where = f"coco_2017/annotations/captions_{split}2017.json"
    return Listing(where, (images, Rows("annotations", ("id", "image_id", "caption"))))


def _regions(name: str) -> Listing:
    images = Rows("images", SIZED, "file_name", "visual_genome/images")
    return Listing(f"visual_genome/{name}.json", (images, Rows("annotations", (*BOXED, "caption"))))


def _evaluation(split: str, kind: str, *keys: str) -> Listing:
    where = f"GranDf/annotations/val_test/{split}_gcg_coco_{kind}_gt.json"
    return Listing(where, (Rows("images", ("id",)), Rows("annotations", ("id", "image_id", *keys))))


_REFERENCE_KEYS = ("img_file_name", "caption", "refs")
_PARTS = Rows("categories", ("id", "name"), form=("name", r"[^:]+:[^:]+", "object:part"))

DATASETS = (
    Dataset(
        "coco",
        "COCO 2017",
        (
            Link(("coco_2017/train2017",), ("train2017", "images/train2017")),
            Link(("coco_2017/val2017",), ("val2017", "images/val2017")),
            Link(("coco_2017/annotations",), ("annotations",)),
        ),
        (_captions("train"), _captions("val"), Pictures("coco_2017/train2017"), Pictures("coco_2017/val2017")),
        usual="118,287 pictures in train2017, 5,000 in val2017",
        others=("coco2017", "coco_2017"),
    ),
    Dataset(
        "coco2014",
        "COCO 2014, train",
        (
            Link(
                ("coco_2014/train2014", "Refer_Segm/coco_2014/train2014", "RefCoco_Reg/coco_2014"),
                ("train2014", "images/train2014"),
            ),
        ),
        (Pictures(COCO_2014),),
        within="coco",
        usual="82,783 pictures",
        others=("coco_2014",),
    ),
    Dataset(
        "mdetr",
        "MDETR's annotations",
        (
            Link(
                (MDETR, "flikcr_30k/mdetr_annotations"),
                (".", "mdetr_annotations", "OpenSource"),
                has="f*_train.json",
            ),
        ),
        (
            *(_mdetr(f"finetune_{n}") for n in ("refcoco_train", "refcocog_train", "refcocog_val")),
            *(_mdetr(f"finetune_{n}") for n in ("refcoco+_train", "refcoco+_val")),
            _mdetr(
                "final_flickr_mergedGT_train",
                "flikcr_30k/mdetr_annotations",
                "flikcr_30k/flickr30k-images",
                "tokens_positive",
            ),
        ),
        others=("mdetr_annotations",),
    ),
    Dataset(
        "flickr",
        "Flickr30k, pictures",
        (
            Link(
                (FLICKR, "flikcr_30k/flickr30k-images"),
                (
                    "flickr30k-images",
                    "flickr30k_images",
                    "flickr30k_images/flickr30k_images",
                    "Images",
                    "images",
                    "train",
                    ".",
                ),
                has="*.jpg",
            ),
        ),
        (Pictures(FLICKR),),
        usual="31,783 pictures",
        others=("flickr30k", "flikcr_30k"),
    ),
    Dataset(
        "ade20k",
        "ADE20K",
        (Link((f"{SEGM}/ade20k",), (".", "ADEChallengeData2016"), has="images/training"),),
        (
            Pairs(f"{SEGM}/ade20k/images/training", ".jpg", f"{SEGM}/ade20k/annotations/training", ".png"),
            Pairs(f"{SEGM}/ade20k/annotations/training", ".png", f"{SEGM}/ade20k/images/training", ".jpg"),
        ),
        usual="20,210 pictures",
        others=("ade",),
    ),
    Dataset(
        "cocostuff",
        "COCO-Stuff, label maps",
        (
            Link(
                (f"{SEGM}/cocostuff", f"{SEGM}/coco_stuff"),
                (".", "stuffthingmaps_trainval2017", "stuffthingmaps"),
                has="train2017/*.png",
            ),
        ),
        (Pairs(f"{SEGM}/cocostuff/train2017", ".png", COCO_2017, ".jpg"),),
        usual="118,287 maps",
        others=("coco_stuff", "stuff", "stuffthingmaps"),
    ),
    Dataset(
        "mapillary",
        "Mapillary Vistas 2.0",
        (Link((f"{SEGM}/mapillary",), (".", "mapillary", "Mapillary"), has="config_v2.0.json"),),
        (
            Listing(f"{SEGM}/mapillary/config_v2.0.json", (Rows("labels", ("readable",)),)),
            Pairs(f"{SEGM}/mapillary/training/v2.0/labels", ".png", f"{SEGM}/mapillary/training/images", ".jpg"),
        ),
        usual="18,000 pictures",
    ),
    Dataset(
        "paco",
        "PACO-LVIS",
        (
            Link(
                (f"{SEGM}/paco_lvis/annotations",),
                ("annotations", "paco_annotations", "."),
                has="paco_lvis_v1_train.json",
            ),
        ),
        (
            Listing(
                f"{SEGM}/paco_lvis/annotations/paco_lvis_v1_train.json",
                (Rows("images", IMAGE, "file_name", "coco_2017"), Rows("annotations", BOXED)),
            ),
        ),
        others=("paco_lvis",),
    ),
    Dataset(
        "pascal_part",
        "Pascal-Part",
        (Link((f"{SEGM}/pascal_part/train.json",), ("train.json", "pascal_part/train.json")),),
        (
            Listing(
                f"{SEGM}/pascal_part/train.json",
                (
                    Rows("images", IMAGE, "file_name", f"{SEGM}/pascal_part/VOCdevkit/VOC2010/JPEGImages"),
                    Rows("annotations", BOXED),
                    _PARTS,
                ),
            ),
        ),
        others=("pascal",),
    ),
    Dataset(
        "voc",
        "VOC 2010, pictures of Pascal-Part",
        (Link((f"{SEGM}/pascal_part/VOCdevkit",), ("VOCdevkit", "."), has="VOC2010"),),
        (Pictures(f"{SEGM}/pascal_part/VOCdevkit/VOC2010/JPEGImages"),),
        within="pascal_part",
        others=("VOCdevkit",),
    ),
    Dataset(
        "refer",
        "RefCOCO, RefCOCO+, RefCOCOg, RefCLEF",
        tuple(Link((f"Refer_Segm/{n}",), (n,)) for n in ("refcoco", "refcoco+", "refcocog", "refclef")),
        (
            References("Refer_Segm/refcoco", "unc", "Refer_Segm/coco_2014/train2014"),
            References("Refer_Segm/refcoco+", "unc", "Refer_Segm/coco_2014/train2014"),
            References("Refer_Segm/refcocog", "umd", "Refer_Segm/coco_2014/train2014"),
            References("Refer_Segm/refclef", "unc", "Refer_Segm/images/saiapr_tc-12"),
        ),
        usual="42,404 expressions' objects in RefCOCO's train, 42,226 in RefCOCOg's",
    ),
    Dataset(
        "saiapr",
        "SAIAPR TC-12, pictures of RefCLEF",
        (
            Link(
                ("Refer_Segm/images/saiapr_tc-12",),
                ("images/saiapr_tc-12", "saiapr_tc-12", "saiapr_tc12", "images", "."),
                has="[0-9][0-9]",
            ),
        ),
        (Pictures("Refer_Segm/images/saiapr_tc-12", folders=True),),
        within="refer",
        usual="19,997 pictures",
        others=("saiapr_tc-12",),
    ),
    Dataset(
        "vg",
        "Visual Genome",
        (
            Link(("visual_genome/train.json",), ("train.json", "annotations/train.json")),
            Link(("visual_genome/test_caption.json",), ("test_caption.json", "annotations/test_caption.json")),
            Link(
                ("visual_genome/images",),
                (
                    "images",
                    ("VG_100K", "VG_100K_2"),
                    ("images/VG_100K", "images/VG_100K_2"),
                    ("images/VG_100K", "images2/VG_100K_2"),
                ),
                has="*.jpg",
            ),
        ),
        (_regions("train"), _regions("test_caption"), Pictures("visual_genome/images")),
        usual="108,077 pictures",
        others=("visual_genome",),
    ),
    Dataset(
        "llava",
        "LLaVA-Instruct",
        (Link(("llava_dataset",), (".", "LLaVA-Instruct-150K"), has="llava_instruct_150k.json"),),
        (
            Listing(
                "llava_dataset/llava_instruct_150k.json",
                (Rows("", ("image", "conversations"), "image", COCO_2017),),
            ),
        ),
        usual="157,712 conversations",
        others=("llava_dataset",),
    ),
    Dataset(
        "grandf",
        "GranD-f, annotations",
        (
            Link((TRAIN,), ("annotations/train", "GranDf/annotations/train", "train"), has="*.json"),
            Link(
                ("GranDf/annotations/val_test",),
                ("annotations/val_test", "GranDf/annotations/val_test", "val_test"),
                has="*.json",
            ),
        ),
        (
            _human("GranDf_HA_GCG_train", HUMAN),
            _human("OpenPsgGCG_train", COCO_2017),
            _human("OpenPsgGCG_val", COCO_2017),
            *(
                Listing(
                    f"{TRAIN}/RefCOCOg_GCG_{split}.json",
                    (Rows("", _REFERENCE_KEYS, "img_file_name", COCO_2014, inside=True),),
                )
                for split in ("train", "val")
            ),
            *(
                _mdetr(f"flickr_mergedGT_GCG_{split}", TRAIN, FLICKR, "tokens_positive", "sam_mask")
                for split in ("train", "val")
            ),
            *(_evaluation(split, "caption", "caption", "labels") for split in ("val", "test")),
            *(_evaluation(split, "mask", "segmentation", "bbox", "area") for split in ("val", "test")),
        ),
        others=("GranDf",),
    ),
    Dataset(
        "grandf_images",
        "GranD-f, pictures of the human annotations",
        (
            Link(
                ("GranDf/GranDf_HA_images", "GranDf_HA_images"),
                ("GranDf_HA_images", "GranDf/GranDf_HA_images", "."),
                has="train",
            ),
        ),
        (Pictures(HUMAN), Pictures("GranDf/GranDf_HA_images/val_test")),
        within="grandf",
        others=("GranDf_HA_images",),
    ),
    Dataset(
        "grand",
        "GranD, as `export … grand_lmdb` writes it",
        (Link(("GranD_Data",), ("GranD_Data", "."), has="Grand_*_lmdb"),),
        tuple(
            Keys(f"GranD_Data/{name}/{name}_{split}.txt", "GranD_Data/images")
            for name in (CAPTION_LMDB, REFERRING_LMDB)
            for split in ("Train", "Val")
        ),
        others=("GranD_Data",),
    ),
)

TASKS = {
    "GCG": (
        Reader("GranDf_GCG train, and val of the same file", (f"{TRAIN}/GranDf_HA_GCG_train.json",)),
        *(
            Reader(f"{name} {split}", (f"{TRAIN}/{file}_{split}.json",))
            for name, file in (("PSG_GCG", "OpenPsgGCG"), ("RefCoco_GCG", "RefCOCOg_GCG"))
            for split in ("train", "val")
        ),
        *(Reader(f"Flickr_GCG {split}", (f"{TRAIN}/flickr_mergedGT_GCG_{split}.json",)) for split in ("train", "val")),
    ),
    "semantic segmentation": (
        Reader(
            "ade20k",
            (f"{SEGM}/ade20k/images/training", f"{SEGM}/ade20k/annotations/training"),
        ),
        Reader("cocostuff", (f"{SEGM}/cocostuff/train2017",)),
        Reader("mapillary", (f"{SEGM}/mapillary/config_v2.0.json", f"{SEGM}/mapillary/training/v2.0/labels")),
        Reader("paco_lvis", never=BROKEN),
        Reader("pascal_part", never=BROKEN),
    ),
    "referring expressions": tuple(
        Reader(name, (f"Refer_Segm/{name}",)) for name in ("refcoco", "refcoco+", "refcocog", "refclef")
    ),
    "region captions": (
        Reader("RefCoco_Reg, train and val of the same file", (f"{MDETR}/finetune_refcoco_train.json",)),
        *(Reader(f"RefCocoG_Reg {split}", (f"{MDETR}/finetune_refcocog_{split}.json",)) for split in ("train", "val")),
        *(Reader(f"RefCocoP_Reg {split}", (f"{MDETR}/finetune_refcoco+_{split}.json",)) for split in ("train", "val")),
        Reader("VisGen_Reg train", ("visual_genome/train.json",)),
        Reader("VisGen_Reg val", ("visual_genome/test_caption.json",)),
        Reader("Flickr_Reg train", ("flikcr_30k/mdetr_annotations/final_flickr_mergedGT_train.json",)),
    ),
    "image captions": tuple(
        Reader(f"CocoCap {split}", (f"coco_2017/annotations/captions_{split}2017.json",)) for split in ("train", "val")
    ),
    "visual questions": (
        Reader("LLaVaInstruct train (val looks for the same pictures in val2017)",
               ("llava_dataset/llava_instruct_150k.json",)),
    ),
    "GranD": (
        *(
            Reader(f"GrandRefer_Reg {split.lower()}", (f"GranD_Data/{REFERRING_LMDB}/{REFERRING_LMDB}_{split}.txt",))
            for split in ("Train", "Val")
        ),
        Reader("GrandCaptionDataset", never="its class makes masks of a size that it has not got"),
        Reader("GrandRefer_Segm", never="its class asks for keys that it has not set"),
    ),
}  # fmt: skip

GLAMM = Layout(
    name="glamm",
    datasets=DATASETS,
    tasks=TASKS,
    replaced=("images", ".jpg", ".png", "cocostuff", "v2.0/labels", "Semantic_Segm/", "Refer_Segm/"),
    own="dataset/utils",
    in_checkout=("coco_2017", "coco_2014", "flikcr_30k"),
)
