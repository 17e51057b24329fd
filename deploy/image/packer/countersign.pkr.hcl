# The gateway's AMI, made of Debian's own on an instance, by the steps that make the disk, too.
#
#   packer init deploy/image/packer
#   packer build -var deb=target/package/countersign_0.1.0-1_amd64.deb deploy/image/packer
#
# Whoever builds this way gets Debian's partitions, boot loader and ext4, and no disk that is the same
# byte for byte; nothing needs root, and the AMI is there at the end.

variable "deb" {
  type        = string
  description = "The package, of `make package`."
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "subnet" {
  type        = string
  default     = ""
  description = "Where the instance is, if not in the default VPC. It must reach deb.debian.org."
}

variable "kms_key" {
  type        = string
  default     = ""
  description = "What encrypts the snapshot, if not the account's own key for EBS."
}

locals {
  built = formatdate("YYYYMMDDhhmm", timestamp())
}

source "amazon-ebs" "countersign" {
  ami_name        = "countersign-${local.built}"
  ami_description = "Countersign on Debian 12"
  region          = var.region
  instance_type   = "t3.small"
  subnet_id       = var.subnet
  ena_support     = true
  encrypt_boot    = true
  kms_key_id      = var.kms_key

  # Debian's, by the account that publishes them.
  source_ami_filter {
    owners      = ["136693071363"]
    most_recent = true
    filters = {
      name                = "debian-12-amd64-*"
      architecture        = "x86_64"
      virtualization-type = "hvm"
      root-device-type    = "ebs"
    }
  }

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_size           = 8
    volume_type           = "gp3"
    iops                  = 3000 # and no less; what gp3 has for its price
    throughput            = 125
    delete_on_termination = true
  }

  # Newer than Packer 1.6, up to the empty line.
  imds_support = "v2.0"
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # No port is opened to whoever builds, if Session Manager can be had: ssh_interface = "session_manager".
  ssh_username = "admin"
}

build {
  sources = ["source.amazon-ebs.countersign"]

  provisioner "shell" {
    inline = ["mkdir -p /tmp/countersign-image/agents", "cloud-init status --wait"]
  }

  provisioner "file" {
    sources     = ["${path.root}/../packages", "${path.root}/../provision", "${path.root}/../files"]
    destination = "/tmp/countersign-image/"
  }

  provisioner "file" {
    source      = var.deb
    destination = "/tmp/countersign-image/countersign.deb"
  }

  # In one go: the last step takes away the account that came in. What SSM_AGENT and CLOUDWATCH_AGENT
  # are to the disk, a .deb in agents/ is here.
  provisioner "shell" {
    inline = [
      "sudo sh -ec 'apt-get update -qq; for step in /tmp/countersign-image/provision/*; do $step; done; rm -r /tmp/countersign-image'",
    ]
    skip_clean        = true
    expect_disconnect = true
  }
}
